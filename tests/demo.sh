#!/bin/sh
# demo.sh: a tour of pngpost in one command, `sh tests/demo.sh`, from any directory.
#
# It needs stable Rust, a C compiler and the usual Unix tools; nothing but cargo's downloads leaves
# loopback. Whatever ends it, Ctrl-C too, ends the server that it started and removes its temporary
# directory. Exit status 0 means that every frame was answered with its line.

set -eu

# Each argument is a line.
say() { printf '%s\n' "$@"; }
die() {
    say "demo.sh: $1" >&2
    exit 1
}

receiver=
work=

clean_up() {
    trap '' HUP INT PIPE TERM
    if [ -n "$receiver" ]; then
        kill "$receiver" 2>/dev/null || :
        wait "$receiver" 2>/dev/null || :
    fi
    if [ -n "$work" ]; then rm -rf "$work"; fi
}
# Not every shell runs the EXIT trap on a signal.
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# cargo takes a relative CARGO_TARGET_DIR from where it is called: that is here, not the root.
case ${CARGO_TARGET_DIR:-} in
    '' | /*) ;;
    *) CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR ;;
esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd -- "$root"
target=${CARGO_TARGET_DIR:-$root/target}
work=$(mktemp -d "${TMPDIR:-/tmp}/pngpost-demo.XXXXXX")

say '== 1. Build: pngpost, and "receiver", a small server to post to'
command -v cargo >/dev/null || die 'cargo not found: install stable Rust, https://rustup.rs'
cargo build --release --target-dir "$target"
cargo build --release --target-dir "$target" --example receiver

say '' '== 2. Start the server on a free port of this machine'
: >"$work/receiver.out"
"$target/release/examples/receiver" >"$work/receiver.out" 2>"$work/receiver.err" &
receiver=$!
tries=0
# The line counts from its line end on: read fails on one that is not whole.
until read -r listening <"$work/receiver.out"; do
    kill -0 "$receiver" 2>/dev/null || die "the server ended: $(cat "$work/receiver.err")"
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || die 'the server has not said where it listens'
    # A sleep that knows whole seconds only is fine, too.
    sleep 0.1 2>/dev/null || sleep 1
done
say "receiver: $listening"
url=${listening#listening on }

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
