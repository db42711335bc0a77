#!/bin/sh
# SPDX-License-Identifier: MIT
# build-deb.sh [OUT]: Debian's source and binary packages into the folder OUT, build/deb unless
# given, from a copy of this tree in which packaging/debian stands as debian. The copy stays, as
# OUT/tcptool-VERSION. Of a git tree only what git tracks is taken, and changes are told.
# DEB_BUILD_OPTIONS=nocheck leaves out the tests.
set -eu
packaging=$(cd "$(dirname "$0")" && pwd)
top=${packaging%/*}
# shellcheck source=packaging/need.sh
. "$packaging/need.sh"
# shellcheck disable=SC2086  # words
need $build_packages $package_packages

# Of names from stdin, each behind a NUL, those of files that are there.
there() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  (cd "$top" && xargs -0 sh -c '
    for name; do
      [ ! -e "$name" ] && [ ! -h "$name" ] || printf "%s\0" "$name"
    done' there)
}

mkdir -p "${1:-$top/build/deb}"
out=$(cd "${1:-$top/build/deb}" && pwd)
changelog=$packaging/debian/changelog
version=$(dpkg-parsechangelog -l "$changelog" -S Version)
tree=$out/tcptool-${version#*:}
rm -rf "$tree"
mkdir "$tree"
if [ -e "$top/.git" ] && git -C "$top" rev-parse --verify HEAD >/dev/null 2>&1; then
  git -C "$top" ls-files -z | there | tar -C "$top" --null -T - -cf "$tree.tar"
  if [ -n "$(git -C "$top" status --porcelain)" ]; then
    echo 'build-deb: not as it was committed; what git does not track (??) is left out:'
    git -C "$top" status --short
  fi >&2
else
  tar -C "$top" --exclude=./.git --exclude=./build --exclude="./${out#"$top"/}" \
    --exclude=__pycache__ -cf "$tree.tar" .
fi
tar -C "$tree" -xf "$tree.tar"
rm "$tree.tar"
mv "$tree/packaging/debian" "$tree/debian"
# The commit it is made from, for --version.
sh "$packaging/commit.sh" >"$tree/debian/commit"
# So that the source package is the same from every checkout.
chmod -R u=rwX,go=rX "$tree"
find "$tree" -exec touch -h -d "@$(dpkg-parsechangelog -l "$changelog" -S Timestamp)" {} +
cd "$tree"
exec dpkg-buildpackage -us -uc
