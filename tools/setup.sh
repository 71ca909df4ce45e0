#!/bin/sh
# Installs what `make demo`, `make test` or `make bench` needs and this machine lacks; says what it installs.
#
#   tools/setup.sh demo|test|bench
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

command -v cargo >/dev/null || { say "cargo is missing; install Rust first (rustup)" >&2; exit 1; }

# command or absolute path : Debian package
needs="cc:gcc c++:g++ cmake:cmake ld:binutils /usr/include/stdio.h:libc6-dev"
[ "$1" = demo ] || needs="$needs valgrind:valgrind /usr/share/doc/libc6-dbg:libc6-dbg clang:clang clang-format:clang-format unshare:util-linux"
[ "$1" != bench ] || needs="$needs /usr/include/spdlog/async.h:libspdlog-dev"

missing=
for need in $needs; do
    what=${need%%:*}
    case $what in
        /*) [ -e "$what" ] ;;
        *) command -v "$what" >/dev/null ;;
    esac || missing="$missing ${need##*:}"
done

if [ "$1" != demo ]; then
    # A virtual environment needs the venv module, which Debian packages apart.
    python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3 python3-venv"
fi

if [ -n "$missing" ]; then
    say "installing Debian packages:$missing"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if [ "$1" != demo ] && ! cmp -s tests/requirements.txt .venv/installed; then
    say "installing Python readers into .venv: $(tr '\n' ' ' <tests/requirements.txt)"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt .venv/installed
fi
