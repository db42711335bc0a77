#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds tcptool with its tests and runs them all; arguments go to ctest (-R REGEX, -L LABEL ...).
# The last line is "N passed, N failed, N skipped". From the environment: BUILD, the build folder
# (build/release unless set), and CMAKE_ARGS, more arguments for its configuration.
set -eu
tests=$(dirname "$0")
top=$(cd "$tests/.." && pwd)
build=${BUILD:-$top/build/release}
# shellcheck source=packaging/need.sh
. "$top/packaging/need.sh"
# shellcheck source=packaging/build.sh
. "$top/packaging/build.sh"

make_all() {
  # shellcheck disable=SC2086,SC2317  # words; called by with_lock
  configure "$top" "$build" -DBUILD_TESTING=ON ${CMAKE_ARGS-} && compile "$build" all
}

# shellcheck disable=SC2086  # words
need $build_packages $test_packages
with_lock "$build" make_all
# The closing line of a long test must survive: ctest cuts the output of tests that pass.
results=$build/results.xml
rm -f "$results"
status=0
# Most tests wait for a clock: four at a time keep two processors busy.
ctest --test-dir "$build" -j4 --output-on-failure --timeout 120 --output-junit "$results" \
  --test-output-size-passed 100000 --test-output-size-failed 1000000 \
  --test-output-truncation head "$@" || status=$?
python3 "$tests/support/count.py" "$results" || status=1
exit "$status"
