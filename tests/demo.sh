#!/bin/sh
# demo.sh: a tour of pngpost in one command, `sh tests/demo.sh`, from any directory.
#
# It needs stable Rust, a C compiler and the usual Unix tools; nothing but cargo's downloads leaves
# loopback. Whatever ends it, Ctrl-C too, ends the server that it started and removes its temporary
# directory. Exit status 0 means that every frame was answered with its line.

set -eu

script=demo.sh
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=tests/receiver/started.sh
. "$root/tests/receiver/started.sh"

say '== 1. Build: pngpost, and "receiver", a small server to post to'
command -v cargo >/dev/null || die 'cargo not found: install stable Rust, https://rustup.rs'
cargo build --release --target-dir "$target"
cargo build --release --target-dir "$target" --example receiver

say '' '== 2. Start the server on a free port of this machine'
start_receiver
say "receiver: $listening"

frames_file=tests/data/astronaut-64x64.rgb
frames=$(($(wc -c <"$frames_file") / (64 * 64 * 3)))
command="cat $frames_file | pngpost -s 64x64 -F key=demo $url"

say '' "== 3. Post $frames frames"
say "$frames_file is a photograph cut into $frames tiles of 64x64" \
    'pixels, 3 bytes each pixel, one tile after the other and nothing between them.' \
    'cat stands for any program that writes such frames. pngpost makes each frame a' \
    'PNG, posts it in a form of its own with the field key=demo, and prints what the' \
    'server answers: line k for frame k. This server says what it has seen; crc32 is' \
    'that of the pixels.' '' "\$ $command"

# The command as it is printed, with the pngpost that was just built.
pngpost() { "$target/release/pngpost" "$@"; }
status=0
eval "$command" >"$work/lines" || status=$?
cat "$work/lines"

lines=$(($(wc -l <"$work/lines")))
picture='"width":64,"height":64,"color_type":"rgb","bit_depth":8,"crc32":"[0-9a-f]\{8\}"'
right=$(grep -c "^{$picture,\"fields\":\[\[\"key\",\"demo\"\]\],.*}\$" "$work/lines") || :

say '' '== 4. What was seen' \
    "$frames frames in, $lines lines out; $right of them say 64x64, rgb, 8 bits, key=demo;" \
    "exit status $status."
[ "$status" -eq 0 ] || die 'pngpost failed'
[ "$lines" -eq "$frames" ] || die "expected one line for each of the $frames frames"
[ "$right" -eq "$frames" ] || die 'a line is not what the server says of such a frame'
say 'Every frame was answered. To go on with frames of your own:' \
    "    $target/release/pngpost --help" \
    '    cargo run --release --example receiver'
