#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds tcptool if need be and runs it with the arguments given; stdin, stdout and the exit status
# are tcptool's own. Without arguments: a guided session over loopback.
# BUILD is the build folder, build/release unless set.
set -eu
packaging=$(dirname "$0")
top=$(cd "$packaging/.." && pwd)
build=${BUILD:-$top/build/release}
# shellcheck source=packaging/need.sh
. "$packaging/need.sh"
# shellcheck source=packaging/build.sh
. "$packaging/build.sh"

make_tcptool() {
  [ -f "$build/build.ninja" ] || configure "$top" "$build" -DBUILD_TESTING=OFF || return 1
  [ -f "$build/tcptool" ] || echo 'try: compiling tcptool, which takes a minute or two' >&2
  compile "$build" tcptool
}

# shellcheck disable=SC2086  # words
need $build_packages
with_lock "$build" make_tcptool
[ $# -eq 0 ] || exec "$build/tcptool" "$@"
exec sh "$packaging/session.sh" "$build/tcptool"
