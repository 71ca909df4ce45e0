#!/bin/sh
# small_disk.sh DIRECTORY COMMAND...: runs the command with a disk of 1 MiB mounted at the directory. The
# mount is seen by the command only and goes with it; user namespaces let any user do this.
set -eu
mkdir -p "$1"
exec unshare --map-root-user --mount sh -c 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"' sh "$@"
