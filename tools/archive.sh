#!/bin/sh
# Makes a static library that exports pf_* and nothing else.
#
#   tools/archive.sh IN.a OUT.a HEADER
#
# rustc's archive exports every symbol of Rust's std and of the C libraries inside (zstd), so it clashes
# with a program's own copies. Here it becomes one object: what pf_* needs, everything else local.
# Embedded LLVM bitcode is dropped, as other linkers' plugins choke on it.
set -eu

in=$1 out=$2 header=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n 's/^[a-z].*[ *]\(pf_[a-z_]*\)(.*/\1/p' "$header" | sort -u >"$work/exports"
[ -s "$work/exports" ] || { echo "archive: no functions found in $header" >&2; exit 1; }
keep=$(sed 's/^/-u /' "$work/exports" | tr '\n' ' ')
# shellcheck disable=SC2086 # one word a flag
ld -r --gc-sections -e "$(head -n 1 "$work/exports")" $keep "$in" -o "$work/flow.o"
objcopy --keep-global-symbols="$work/exports" --strip-debug -R .llvmbc -R .llvmcmd "$work/flow.o"
ar rcs "$work/libflow.a" "$work/flow.o"
mv "$work/libflow.a" "$out"
