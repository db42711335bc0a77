#!/bin/sh
# SPDX-License-Identifier: MIT
# commit.sh [HEADER]: prints the commit that this tree is, with " (changed)" behind it where what is
# compiled is not the commit's; of a source package what debian/commit says, of a tree that is not
# git's "unknown". With HEADER it becomes the macro TCPTOOL_COMMIT of that file, which is written
# only if it says something else.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
commit=unknown
if [ -f debian/commit ]; then
  read -r commit <debian/commit
elif [ -e .git ] && said=$(git rev-parse --short=12 HEAD 2>/dev/null); then
  commit=$said
  [ -z "$(git --no-optional-locks status --porcelain -- CMakeLists.txt src)" ] ||
    commit="$said (changed)"
fi
if [ $# -eq 0 ]; then
  echo "$commit"
  exit
fi
line="#define TCPTOOL_COMMIT \"$commit\""
[ "$line" = "$(cat "$1" 2>/dev/null)" ] || echo "$line" >"$1"
