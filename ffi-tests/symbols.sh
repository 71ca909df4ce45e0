#!/bin/sh
# symbols.sh DIST TEST_DIR: both libraries export the functions of the header and nothing else, libflow.so has
# its SONAME, and every function is called by a test.
set -eu
lib=$1/lib header=$1/include/flow.h tests=$2
fail() {
  echo "$*" >&2
  exit 1
}

# A declaration may put its return type before the name, on the same line.
functions=$(grep -oE '^[a-z].*[ *](pf_[a-z0-9_]+)\(' "$header" | grep -oE 'pf_[a-z0-9_]+\(' | tr -d '(' | sort)
[ "$(echo "$functions" | wc -l)" -ge 19 ] || fail "too few functions found in $header: $functions"

exported=$(nm -D --defined-only "$lib/libflow.so" | awk '{print $3}' | sort)
[ "$exported" = "$functions" ] || fail "libflow.so exports not just the header's functions:
$exported"
readelf -d "$lib/libflow.so" | grep -qF 'SONAME' || fail "libflow.so has no SONAME"
readelf -d "$lib/libflow.so" | grep -qF '[libflow.so.0.1]' || fail "libflow.so has another SONAME"

archived=$(nm --extern-only --defined-only "$lib/libflow.a" | awk 'NF == 3 {print $3}' | sort)
[ "$archived" = "$functions" ] || fail "libflow.a exports not just the header's functions:
$archived"

for function in $functions; do
  grep -qE "\b$function\(" "$tests"/*.c || fail "no test calls $function"
done
