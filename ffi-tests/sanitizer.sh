#!/bin/sh
# sanitizer.sh 0|1 PROGRAM...: whether AddressSanitizer is in each program (1) or in none (0).
set -eu
expected=$1
shift
for program; do
  found=$(nm "$program" | grep -c '__asan_init$' || true)
  if [ "$((found > 0))" -ne "$expected" ]; then
    echo "$program: AddressSanitizer is$([ "$found" -gt 0 ] || echo ' not') in it" >&2
    exit 1
  fi
done
