# bash completion for pngpost(1). Installed as pngpost in $BASH_COMPLETION_USER_DIR/completions, or
# read with '.' from ~/.bashrc.

# Files whose names begin with $2, each behind $1. Inside quotes a name stands as it is.
_pngpost_files() {
    local file
    while IFS= read -r file; do
        if [[ -d $file ]]; then
            file+=/
            compopt -o nospace 2>/dev/null
        fi
        if [[ -z $quote ]]; then printf -v file '%q' "$file"; fi
        COMPREPLY+=("$1$file")
    done < <(compgen -f -- "$2")
}

_pngpost() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} quote=
    COMPREPLY=()
    # bash leaves an open quote in the word, and wants it without.
    if [[ $word == [\'\"]* ]]; then quote=${word:0:1} word=${word:1}; fi
    # bash cuts words at '=' and at '@'; the latter it wants back all the same.
    case $before in
    @ | =@) word=@$word before=${COMP_WORDS[COMP_CWORD - 2]} ;;
    =) before=${COMP_WORDS[COMP_CWORD - 2]} ;;
    esac
    if [[ $word == = ]]; then word=; fi
    case $before in
    -p | --pix-fmt)
        mapfile -t COMPREPLY < <(
            compgen -W 'rgb24 bgr24 rgba bgra argb abgr rgb0 bgr0 0rgb 0bgr gray ya8 rgb48le rgb48be rgba64le rgba64be gray16le gray16be ya16le ya16be gbrp grayf32le rgbf32le grayf64le rgbf64le' -- "$word"
        )
        return
        ;;
    -z | --compression)
        mapfile -t COMPREPLY < <(compgen -W 'none fastest fast balanced high' -- "$word")
        return
        ;;
    -X | --request)
        mapfile -t COMPREPLY < <(compgen -W 'POST PUT PATCH' -- "$word")
        return
        ;;
    -H | --header | -u | --user | --oauth2-bearer | --json)
        if [[ $word == @* ]]; then _pngpost_files @ "${word#@}"; fi
        return
        ;;
    -F | --form)
        # Without quotes the shell would take the < for itself.
        if [[ $word == *=\<* ]]; then _pngpost_files "${word%%=<*}=<" "${word#*=<}"; fi
        return
        ;;
    --cacert | --cert | --key | --unix-socket | *[\<\>]*)
        # Behind < and > stands a redirection's file.
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    -s | --size | --range | --skip | --show | --form-string | -j | --jobs | --rate | -m | --max-time | \
        --retry | --retry-delay | --retry-max-time | -x | --proxy | --noproxy | --connect-timeout)
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '
            -s --size -p --pix-fmt --range --skip --show -z --compression
            -F --form --form-string --raw --json --body-b64
            -H --header -u --user --oauth2-bearer -X --request
            -j --jobs --latest --rate -m --max-time
            --retry --retry-delay --retry-max-time --retry-all-errors
            -x --proxy --noproxy --cacert -k --insecure --cert --key
            --unix-socket --connect-timeout
            --no-http-keep-alive --minreq -f --fail --keep-going --ndjson
            -n --dry-run --progress -v --verbose -q --quiet
            -h --help -V --version' -- "$word")
    fi
}
complete -F _pngpost pngpost
