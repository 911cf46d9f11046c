#!/bin/sh
# install.sh: pngpost installed as its users install it, `sh tests/install.sh`, from any directory.
#
# From source, by the lines of man/install.md, into a temporary home; as a Debian package, which is held against
# the working tree, installed with dpkg, tried, and purged; as a Python package, in fresh environments. Whatever
# ends it, pngpost is then as little installed as before.
#
# It needs stable Rust and a C compiler; for the Debian package also dpkg-dev and, to build cargo-deb once into
# the target directory, crates.io; for the wheel Python and, for its tools, once, PyPI. Only root can install
# with dpkg: for others the package is unpacked. With CI set nothing that it uses may be missing.

set -eu

script=install.sh
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=tests/receiver/started.sh
. "$root/tests/receiver/started.sh"

is_installed=no
undo() {
    if [ "$is_installed" = yes ]; then dpkg --purge pngpost >/dev/null; fi
}

cargo_deb_version=3.8.0

# What the package holds, and the file of the working tree that it is; a .gz is compared unpacked.
contents='usr/bin/pngpost -
usr/share/bash-completion/completions/pngpost man/completions/pngpost.bash
usr/share/doc/pngpost/README.md README.md
usr/share/doc/pngpost/THIRD-PARTY man/THIRD-PARTY
usr/share/doc/pngpost/changelog.gz CHANGELOG.md
usr/share/doc/pngpost/copyright LICENSE
usr/share/fish/vendor_completions.d/pngpost.fish man/completions/pngpost.fish
usr/share/man/man1/pngpost.1.gz man/pngpost.1
usr/share/man/man7/pngpost-recipes.7.gz man/pngpost-recipes.7
usr/share/zsh/vendor-completions/_pngpost man/completions/_pngpost'

# Whether the program is there; said where it is not.
has() {
    if command -v "$1" >/dev/null; then return 0; fi
    case ${CI:-} in
        '' | false) say "skipped: $1 is not installed" && return 1 ;;
        *) die "$1 is not installed, and with CI set nothing is skipped" ;;
    esac
}

# With another HOME, cargo would look for all that it has there.
CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
CARGO_TARGET_DIR=$target
export CARGO_TARGET_DIR CARGO_HOME RUSTUP_HOME

# One frame of a photograph through the program $1: the server has to have seen just these pixels.
post_a_frame() {
    head -c 12288 tests/data/astronaut-64x64.rgb >"$work/frame"
    # gzip ends with the CRC-32 of what it holds, low byte first.
    set -- "$1" "$(gzip -c "$work/frame" | tail -c 8 | head -c 4 | od -An -tu1)"
    # shellcheck disable=SC2086
    crc=$(set -- $2 && printf '%02x%02x%02x%02x' "$4" "$3" "$2" "$1")
    line=$("$1" -s 64x64 -F key=installed "$url" <"$work/frame")
    case $line in
        '{"width":64,"height":64,"color_type":"rgb","bit_depth":8,"crc32":"'"$crc"'","fields":[["key","installed"]],'*) ;;
        *) die "$1: the line is $line" ;;
    esac
    say "$1: a frame was posted, and answered with its line"
}

# The block of man/install.md that has these words.
from_page() {
    awk -v words="$1" '
        /^```/ && inside && index(block, words) { printf "%s", block }
        /^```/ { inside = !inside; block = ""; next }
        { block = block $0 "\n" }' man/install.md
}

from_source() {
    from_page 'cargo install --locked --path .' >"$work/block"
    [ -s "$work/block" ] || die 'man/install.md does not say how to install'
    home=$work/home
    CARGO_INSTALL_ROOT=$home/.cargo HOME=$home sh -eu "$work/block" 2>"$work/cargo.err" ||
        die "the lines of man/install.md fail: $(cat "$work/cargo.err")"
    installed=$(ls "$home/.cargo/bin")
    [ "$installed" = pngpost ] || die "cargo install installs $installed"
    post_a_frame "$home/.cargo/bin/pngpost"
    # man and fish go by the place of the program.
    (
        PATH=$home/.cargo/bin:$PATH
        show_manual "$home/.cargo/share/man"
        complete_in_bash "$home/.local/share/bash-completion/completions/pngpost"
        # shellcheck disable=SC2016
        complete_in_zsh 'fpath=(~/.zsh $fpath)'
        complete_in_fish
    ) || exit 1
    from_page 'cargo uninstall' >"$work/block"
    CARGO_INSTALL_ROOT=$home/.cargo HOME=$home sh -eu "$work/block" 2>"$work/cargo.err" ||
        die "the lines of man/install.md that remove it fail: $(cat "$work/cargo.err")"
    left=$(find "$home" -type f -name '*pngpost*')
    [ -z "$left" ] || die "the lines of man/install.md leave $left"
}

cargo_deb() {
    tool=$CARGO_TARGET_DIR/tools/bin/cargo-deb
    if [ "$("$tool" --version 2>/dev/null)" != "$cargo_deb_version" ]; then
        # Unoptimized, and with the system's xz: that is built three times as fast.
        CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --no-default-features \
            --root "$CARGO_TARGET_DIR/tools" --version "$cargo_deb_version" cargo-deb
    fi
    "$tool" --quiet --locked "$@"
}

check_contents() {
    dpkg-deb --extract "$package" "$work/tree"
    say "$contents" | cut -d ' ' -f 1 >"$work/expected"
    (cd "$work/tree" && find . ! -type d | sed 's:^\./::' | LC_ALL=C sort) >"$work/found"
    diff "$work/expected" "$work/found" || die 'the package holds other files than it should'
    say "$contents" | while read -r path source; do
        case $path in
            usr/bin/pngpost) source=$CARGO_TARGET_DIR/release/pngpost mode=755 unpack=cat ;;
            *.gz) mode=644 unpack='gzip -dc' ;;
            *) mode=644 unpack=cat ;;
        esac
        $unpack "$work/tree/$path" | cmp - "$source" || die "$path is not $source"
        [ "$(stat -c %a "$work/tree/$path")" = "$mode" ] || die "$path: its mode is not $mode"
    done || exit 1
    dpkg-deb --info "$package" control | sed 's/^/    /'
    say 'the package holds what the working tree does'
    if ! has lintian; then return; fi
    # The changelog is the project's: one of Debian's own would repeat it.
    unwanted=debian-changelog-file-missing-or-wrong-name,syntax-error-in-debian-changelog
    lintian --allow-root --fail-on error,warning --suppress-tags "$unwanted" "$package" ||
        die 'lintian has found something'
    say 'lintian: nothing found'
}

# What of the package stands on the machine, directories too, and which packages are installed.
machine() {
    dpkg-deb --fsys-tarfile "$package" | tar -t | while read -r path; do
        if [ -e "/$path" ]; then say "$path"; fi
    done
    dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n'
}

# Sets `prefix`: the package is installed below it.
install_package() {
    prefix=$work/tree
    if [ "$(id -u)" -ne 0 ]; then
        say 'only root can install with dpkg: the package is unpacked'
        return
    fi
    if dpkg-query -W pngpost >/dev/null 2>&1 || [ -e /usr/bin/pngpost ]; then
        say 'pngpost is installed here, and stays: the package is unpacked'
        return
    fi
    prefix=
    machine >"$work/before"
    is_installed=yes
    dpkg --install "$package"
}

# Both pages of the manual below the folder $1; $2 is how a compressed page's name goes on.
show_manual() {
    if ! has man; then return; fi
    show_page pngpost "$1/man1/pngpost.1${2:-}" 'PNGPOST(1)' '--retry-max-time' 'CAVEATS'
    show_page pngpost-recipes "$1/man7/pngpost-recipes.7${2:-}" 'PNGPOST-RECIPES(7)' 'OpenCV' '--resume-failed'
}

# The page $1 in the file $2, with the texts that follow. man has to find it by itself if its folder is one
# that man knows: that of the package, or one beside a folder of the PATH.
show_page() {
    name=$1 file=$2
    shift 2
    case $file in
        "$work"/tree/*) ;;
        *) [ "$(HOME=$home man -w "$name")" = "$file" ] || die "man shows another page than $file" ;;
    esac
    # groff warns of lines that it cannot break; mandoc's lint is in .ci/run.
    MANWIDTH=80 man -P cat "$file" >"$work/manual" 2>/dev/null
    for text in "$@"; do
        grep -qF -- "$text" "$work/manual" || die "$name is shown without $text"
    done
    say "the manual is shown: $name, $(wc -l <"$work/manual") lines"
}

# What the shell $1 makes of --keep-g.
completed() {
    [ "$2" = --keep-going ] || die "$1 completes --keep-g to '$2'"
    say "$1: --keep-g is completed"
}

# bash loads the file of the command's name where bash-completion is installed.
complete_in_bash() {
    if ! has bash; then return; fi
    # shellcheck disable=SC2016
    completed bash "$(bash --norc -ec '. "$1"
        complete -p pngpost >/dev/null
        COMP_WORDS=(pngpost --keep-g) COMP_CWORD=1
        _pngpost
        echo "${COMPREPLY[@]}"' bash "$1")"
}

# zsh finds the file by itself, after the line $1 of ~/.zshrc.
complete_in_zsh() {
    if ! has zsh; then return; fi
    # shellcheck disable=SC2016
    completed zsh "$(HOME=$home zsh -fc "$1"'
        autoload -Uz compinit && compinit -D && autoload +X _pngpost &&
        [[ $_comps[pngpost] = _pngpost && $functions[_pngpost] = *--keep-going* ]] &&
        echo --keep-going' || :)"
}

# fish finds the file by itself.
complete_in_fish() {
    if ! has fish; then return; fi
    completed fish "$(HOME=$home fish -c 'complete -C "pngpost --keep-g"' | cut -f 1)"
}

try_package() {
    post_a_frame "$prefix/usr/bin/pngpost"
    manual=$prefix/usr/share/man
    if ! [ -e "$manual/man1/pngpost.1.gz" ]; then
        say 'dpkg leaves manuals out here (path-exclude): shown from the package'
        manual=$work/tree$manual
    fi
    show_manual "$manual" .gz
    complete_in_bash "$prefix/usr/share/bash-completion/completions/pngpost"
    if [ "$is_installed" = yes ]; then
        home=$work/nobody
        mkdir "$home"
        complete_in_zsh ''
        complete_in_fish
    fi
}

remove_package() {
    dpkg --purge pngpost
    is_installed=no
    machine >"$work/after"
    diff "$work/before" "$work/after" || die 'something is left of the package'
    say 'nothing is left of the package'
}

# Where pip and the others look for packages: a folder, and no index.
packages=$target/tools/packages
python=$target/tools/python

# What builds and installs wheels, once, and beside it, as packages, what they ask for themselves.
python_tools() {
    tools='maturin==1.16.0 pipx==1.18.4 uv==0.13.9'
    if [ "$(cat "$packages/complete" 2>/dev/null)" = "$tools" ]; then return; fi
    rm -rf "$packages" "$python"
    python3 -m venv "$python"
    # shellcheck disable=SC2086
    "$python/bin/pip" --quiet --disable-pip-version-check install $tools
    "$python/bin/pip" --quiet --disable-pip-version-check download --dest "$packages" maturin==1.16.0 pip
    say "$tools" >"$packages/complete"
}

# What the files of a wheel are in the working tree; the binary and what only describes the wheel are left out.
check_wheel() {
    wheel=$1
    "$python/bin/python3" - "$wheel" <<'EOF' || die "$wheel is not as it should be"
import os, stat, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
name = '-'.join(sys.argv[1].split('/')[-1].split('-')[:2])
share = f'{name}.data/data/share'
expected = {
    f'{share}/man/man1/pngpost.1': 'man/pngpost.1',
    f'{share}/man/man7/pngpost-recipes.7': 'man/pngpost-recipes.7',
    f'{share}/bash-completion/completions/pngpost': 'man/completions/pngpost.bash',
    f'{share}/zsh/site-functions/_pngpost': 'man/completions/_pngpost',
    f'{share}/fish/vendor_completions.d/pngpost.fish': 'man/completions/pngpost.fish',
    f'{name}.dist-info/licenses/LICENSE': 'LICENSE',
    f'{name}.dist-info/licenses/man/THIRD-PARTY': 'man/THIRD-PARTY',
}
for path, source in expected.items():
    assert stat.S_ISREG(wheel.getinfo(path).external_attr >> 16), f'{path} is no file'
    assert wheel.read(path) == open(source, 'rb').read(), f'{path} is not {source}'
more = set(wheel.namelist()) - set(expected)
described = {f'{name}.dist-info/{part}' for part in ('METADATA', 'WHEEL', 'RECORD')}
assert more - described == {f'{name}.data/scripts/pngpost'} or print(more), 'other files'
metadata = wheel.read(f'{name}.dist-info/METADATA').decode()
assert open('README.md').read().strip() in metadata, 'README.md is not its description'
for path in map(os.environ.get, ('CARGO_HOME', 'RUSTUP_HOME', 'CARGO_TARGET_DIR', 'PWD')):
    for part in wheel.namelist():
        assert path.encode() not in wheel.read(part), f'{path} stands in {part}'
EOF
    say "${wheel##*/}: it holds what the working tree does, $(wc -c <"$wheel") bytes"
}

# Tries the wheel that is installed in the environment, and takes it away again.
try_wheel() {
    environment=$work/environment
    post_a_frame "$environment/bin/pngpost"
    home=$work/home
    (
        PATH=$environment/bin:$PATH
        [ "$(pngpost -V | head -n 1)" = "pngpost $version" ] || die "pngpost -V says $(pngpost -V)"
        show_manual "$environment/share/man"
        complete_in_bash "$environment/share/bash-completion/completions/pngpost"
        complete_in_zsh "fpath=($environment/share/zsh/site-functions \$fpath)"
    ) || exit 1
    "$environment/bin/pip" --quiet uninstall --yes pngpost
    # Folders of share stay, empty: pip cannot know whose they are.
    left=$(find "$environment" ! -type d -name '*pngpost*')
    [ -z "$left" ] || die "something is left of the wheel: $left"
    say 'nothing is left of the wheel'
}

# What people type who have Rust and the tree: each builds the wheel by itself.
try_tree() {
    python3 -m venv "$work/tree-environment"
    "$work/tree-environment/bin/pip" --quiet install .
    says_version 'pip install .' "$work/tree-environment/bin/pngpost" -V
    UV_CACHE_DIR=$work/uv UV_TOOL_DIR=$work/uv-tools UV_TOOL_BIN_DIR=$work/uv-bin \
        "$python/bin/uv" --quiet tool install .
    says_version 'uv tool install .' "$work/uv-bin/pngpost" -V
    says_version 'pipx run --spec . pngpost' \
        env PIPX_HOME="$work/pipx" "$python/bin/pipx" run --quiet --spec . pngpost -V
}

# $1 is the command line for people; the others are run.
says_version() {
    command=$1
    shift
    said=$("$@") || die "$command: fails"
    said=$(say "$said" | head -n 1)
    [ "$said" = "pngpost $version" ] || die "$command: pngpost -V says $said"
    say "$command: $said"
}

as_wheel() {
    python_tools
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    PIP_NO_INDEX=1 PIP_FIND_LINKS=$packages PIP_DISABLE_PIP_VERSION_CHECK=1
    UV_NO_INDEX=1 UV_FIND_LINKS=$packages UV_PYTHON_DOWNLOADS=never
    export PIP_NO_INDEX PIP_FIND_LINKS PIP_DISABLE_PIP_VERSION_CHECK UV_NO_INDEX UV_FIND_LINKS UV_PYTHON_DOWNLOADS
    from_page 'pip wheel' >"$work/block"
    [ -s "$work/block" ] || die 'man/install.md does not say how to make a wheel'
    python3 -m venv "$work/environment"
    # The second line is for the machine that has the wheel: here it installs it.
    (PATH=$work/environment/bin:$PATH && sh -eu "$work/block") >"$work/pip.out" || die "pip: $(cat "$work/pip.out")"
    wheel=$(ls -t "$root/target/wheels/pngpost-$version"-*.whl | head -n 1)
    check_wheel "$wheel"
    try_wheel
    try_tree
}

say '== From source'
cargo build --quiet --locked --release --example receiver
start_receiver
from_source

say '' '== As a Debian package'
if has dpkg-shlibdeps; then
    package=$work/pngpost.deb
    cargo_deb --output "$package"
    check_contents
    install_package
    try_package
    if [ "$is_installed" = yes ]; then remove_package; fi
fi

say '' '== As a Python package'
if has python3; then as_wheel; fi
