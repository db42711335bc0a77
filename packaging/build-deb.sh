#!/bin/sh
# SPDX-License-Identifier: MIT
# build-deb.sh [OUT]: Debian's source and binary packages into the folder OUT, build/deb unless
# given, from a copy of this tree in which packaging/debian stands as debian. The copy stays, as
# OUT/tcptool-VERSION. DEB_BUILD_OPTIONS=nocheck leaves out the tests.
set -eu
packaging=$(cd "$(dirname "$0")" && pwd)
top=${packaging%/*}
# shellcheck source=packaging/need.sh
. "$packaging/need.sh"
# shellcheck disable=SC2086  # words
need $build_packages $package_packages

mkdir -p "${1:-$top/build/deb}"
out=$(cd "${1:-$top/build/deb}" && pwd)
changelog=$packaging/debian/changelog
tree=$out/tcptool-$(dpkg-parsechangelog -l "$changelog" -S Version)
rm -rf "$tree"
mkdir "$tree"
tar -C "$top" --exclude=./.git --exclude=./build --exclude="./${out#"$top"/}" \
  --exclude=__pycache__ -cf "$tree.tar" .
tar -C "$tree" -xf "$tree.tar"
rm "$tree.tar"
mv "$tree/packaging/debian" "$tree/debian"
# The commit it is made from, where that is known, for --version.
git -C "$top" rev-parse --short=12 HEAD >"$tree/debian/commit" 2>/dev/null ||
  rm -f "$tree/debian/commit"
# So that the source package is the same from every checkout.
chmod -R u=rwX,go=rX "$tree"
find "$tree" -exec touch -h -d "@$(dpkg-parsechangelog -l "$changelog" -S Timestamp)" {} +
cd "$tree"
exec dpkg-buildpackage -us -uc
