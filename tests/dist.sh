#!/bin/sh
# dist.sh: the archive of a release, `sh tests/dist.sh`, from any directory.
#
# It makes pngpost-VERSION-TARGET.tar.gz and its .sha256 in target/dist. The same commit gives the same bytes
# with the same compilers, in whatever folder and at whatever time: paths are mapped, times, owners and order
# set. `sh tests/dist.sh --twice` tries that on two clean clones of HEAD in folders of different names.
#
# It needs stable Rust, a C compiler, git, and GNU tar. cargo-binstall tries this name by itself, at the tag
# vVERSION of the `repository` in Cargo.toml, and looks for the program in a folder of this name.

set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
case $target in
    /*) ;;
    *) target=$PWD/$target ;;
esac

say() { printf '%s\n' "$@"; }
die() {
    say "dist.sh: $1" >&2
    exit 1
}

# Sets `program`: built as always, but for the paths in it.
build() {
    CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
    export CARGO_HOME
    host=$(rustc -vV | sed -n 's/^host: //p')
    build=$target/dist/build
    # The last one that fits counts. The C files are aws-lc-sys's, which maps their folder by itself.
    flags=
    for map in "$CARGO_HOME=/cargo" "$(rustc --print sysroot)=/rust" "$root=/pngpost" "$build=/build"; do
        # Of cargo's variables, this one takes blanks in paths: 0x1f stands between its words.
        flags=$flags${flags:+$(printf '\037')}--remap-path-prefix=$map
    done
    unset RUSTFLAGS
    CARGO_ENCODED_RUSTFLAGS=$flags CARGO_TARGET_DIR=$build \
        cargo build --quiet --locked --release --target "$host"
    program=$build/$host/release/pngpost
    for path in "$CARGO_HOME" "$root" "$target"; do
        if grep -qaF -- "$path/" "$program"; then die "$path stands in the program"; fi
    done
}

pack() {
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    name=pngpost-$version-$host
    [ "$("$program" -V | head -n 1)" = "pngpost $version" ] || die "the program is not of version $version"
    tree=$target/dist/$name
    rm -rf -- "$tree"
    mkdir -p "$tree/man/completions"
    cp "$program" LICENSE README.md CHANGELOG.md "$tree"
    cp man/pngpost.1 man/pngpost-recipes.7 man/install.md man/THIRD-PARTY "$tree/man"
    cp man/completions/* "$tree/man/completions"
    (
        cd "$target/dist"
        tar --create --format=ustar --sort=name --mtime="@$(git -C "$root" log -1 --format=%ct)" \
            --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX "$name" | gzip -9n >"$name.tar.gz"
        sha256sum "$name.tar.gz" >"$name.tar.gz.sha256"
    )
    rm -rf -- "$tree"
    say "$target/dist/$name.tar.gz" "$(cat "$target/dist/$name.tar.gz.sha256")" \
        "where both files are, this checks it: sha256sum -c $name.tar.gz.sha256"
}

twice() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/pngpost-dist.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' HUP INT TERM
    unset CARGO_TARGET_DIR
    # Both before either is built: somebody may commit meanwhile.
    git clone --quiet "$root" "$work/one"
    git clone --quiet "$work/one" "$work/another folder"
    for clone in one 'another folder'; do
        sh "$work/$clone/tests/dist.sh"
        mkdir -p "$work/made/$clone"
        cp "$work/$clone/target/dist/"pngpost-*.tar.gz* "$work/made/$clone"
        rm -rf "${work:?}/$clone"
    done
    diff -r "$work/made/one" "$work/made/another folder" || die 'the archive is another one each time'
    say 'twice the same'
}

cd -- "$root"
case ${1:-} in
    '') build && pack ;;
    --twice) twice ;;
    *) die "what is $1? It takes --twice, or nothing" ;;
esac
