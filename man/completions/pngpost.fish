# fish completion for pngpost(1). Installed in ~/.config/fish/completions.

function __pngpost_files -d 'Files behind an @'
    # The token is @FILE, --header=@FILE or -H@FILE.
    set -l token (commandline -ct | string replace -r '^(--[^=]*=|-[^-@])' '')
    string match -q '@*' -- $token
    and __fish_complete_path (string sub -s 2 -- $token) | string replace -r '^' @
end

complete -c pngpost -f
complete -c pngpost -s s -l size -x -d 'Size of headerless frames in pixels, WxH'
complete -c pngpost -s p -l pix-fmt -x -d 'Layout of headerless frames' -a 'rgb24 bgr24 rgba bgra argb abgr rgb0 bgr0 0rgb 0bgr gray ya8 rgb48le rgb48be rgba64le rgba64be gray16le gray16be ya16le ya16be gbrp grayf32le rgbf32le grayf64le rgbf64le'
complete -c pngpost -l range -x -d 'Floats that become 0 and 255, MIN:MAX'
complete -c pngpost -l skip -x -d 'Read and drop N frames first'
complete -c pngpost -l show -x -d 'Write the PNG of frame N, and post nothing'
complete -c pngpost -s z -l compression -x -d 'How hard to compress' -a 'none fastest fast balanced high'
complete -c pngpost -s F -l form -x -d 'A part of the form, NAME=VALUE'
complete -c pngpost -l form-string -x -d 'A text field, as it is'
complete -c pngpost -l raw -d 'The body is the PNG itself'
complete -c pngpost -l json -x -d 'The body is this JSON, or that of @FILE' -a '(__pngpost_files)'
complete -c pngpost -l body-b64 -d 'The body is the PNG in base64'
complete -c pngpost -s H -l header -x -d 'A request header, or those of @FILE' -a '(__pngpost_files)'
complete -c pngpost -s u -l user -x -d 'USER:PASSWORD, or that of @FILE' -a '(__pngpost_files)'
complete -c pngpost -s X -l request -x -d 'Method of the request' -a 'POST PUT PATCH'
complete -c pngpost -s j -l jobs -x -d 'Uploads in flight'
complete -c pngpost -l latest -d 'Only the newest frames of a live source'
complete -c pngpost -l rate -x -d 'Start at most N attempts per unit, N/UNIT'
complete -c pngpost -s m -l max-time -x -d 'Limit of one attempt, in seconds'
complete -c pngpost -l retry -x -d 'Further attempts where that is safe'
complete -c pngpost -l retry-delay -x -d 'First pause before a retry, in seconds'
complete -c pngpost -l retry-max-time -x -d 'How long an outage may last, in seconds'
complete -c pngpost -l retry-all-errors -d 'Also repeat what may have arrived'
complete -c pngpost -l no-http-keep-alive -d 'Make a connection for each upload'
complete -c pngpost -l minreq -d 'Upload with the minreq crate'
complete -c pngpost -s x -l proxy -x -d 'Proxy, in the place of those of the environment'
complete -c pngpost -l noproxy -x -d 'Hosts that need no proxy'
complete -c pngpost -l cacert -x -d 'Trust these certificates, not those of the system' -a '(__fish_complete_path)'
complete -c pngpost -s k -l insecure -d 'Trust any certificate'
complete -c pngpost -l cert -x -d 'Show this certificate to a server that asks' -a '(__fish_complete_path)'
complete -c pngpost -l key -x -d 'Key of the certificate' -a '(__fish_complete_path)'
complete -c pngpost -l unix-socket -x -d 'Connect to this socket' -a '(__fish_complete_path)'
complete -c pngpost -l connect-timeout -x -d 'Limit of look-up, TCP, proxy and TLS, in seconds'
complete -c pngpost -l keep-going -d 'Go on after a failed frame'
complete -c pngpost -l ndjson -d 'A JSON object for each frame'
complete -c pngpost -s n -l dry-run -d 'Connect to nothing, and show the first request'
complete -c pngpost -s v -l verbose -d 'Tell of each retry, and close with a summary'
complete -c pngpost -s q -l quiet -d 'No diagnostics but the exit status'
complete -c pngpost -s h -l help -d 'Print the options'
complete -c pngpost -s V -l version -d 'Print the version'
