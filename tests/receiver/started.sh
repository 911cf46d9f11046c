# started.sh: for scripts that post to the receiver, which read it with `.`: where cargo builds, a temporary
# directory, the receiver on a free port, and the end of both, whatever ends the script.
#
# It takes the script's name for messages, $script, and the root of the project, $root, and goes there. A
# script with more to undo defines `undo`.
# shellcheck shell=sh disable=SC2034,SC2154

# Each argument is a line.
say() { printf '%s\n' "$@"; }
die() {
    say "$script: $1" >&2
    exit 1
}

receiver=
work=

undo() { :; }
clean_up() {
    trap '' HUP INT PIPE TERM
    undo
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
target=${CARGO_TARGET_DIR:-$root/target}
cd -- "$root" || exit
work=$(mktemp -d "${TMPDIR:-/tmp}/pngpost-${script%.sh}.XXXXXX")

# The one that was built last; $listening is what it says, and $url where it listens.
start_receiver() {
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
    url=${listening#listening on }
}
