#!/bin/sh
# SPDX-License-Identifier: MIT
# check-package.sh [EVERY]: the package's whole life, from two builds that must come out the same to
# a purge that leaves nothing, in clean Debian 12 systems under build/package, made from this
# machine's apt sources. Needs root. The last line is "N passed, N failed, N skipped".
#
# Compiling is most of the cost: the second build compiles one object of EVERY (16 unless given),
# others from change to change, and takes the rest from the first. 1: it compiles all of them.
# shellcheck disable=SC2317  # check() calls them all
set -u
umask 022
# What is compiled is compiled, and what is installed is tested, whatever the caller has.
unset CMAKE_CXX_COMPILER_LAUNCHER TCPTOOL TCPTOOL_SOURCE PYTHONPATH
packaging=$(cd "$(dirname "$0")" && pwd)
top=${packaging%/*}
work=$top/build/package
# shellcheck source=packaging/need.sh
. "$packaging/need.sh"
# shellcheck source=packaging/check-install.sh
. "$packaging/check-install.sh"

# check WHAT COMMAND...: whether it went well, in a line; all that it said if it did not. Never
# behind `if` or `||`: set -e does not count there.
check() {
  check_what=$1
  check_log=$work/$(echo "$1" | tr -c 'A-Za-z0-9\n' -).log
  check_start=$(date +%s)
  shift
  (
    set -e
    "$@"
  ) >"$check_log" 2>&1 </dev/null
  check_status=$?
  echo "$check_status" >>"$work/statuses"
  (
    flock 9
    [ "$check_status" -eq 0 ] || sed 's/^/  | /' "$check_log"
    echo "$([ "$check_status" -eq 0 ] && echo passed || echo FAILED): $check_what," \
      "$(($(date +%s) - check_start)) s"
  ) 9>"$work/lock"
}

# A check that never came to its end is one that failed, be it that what was to call it has died.
finish() {
  finish_all=$(cat "$packaging/check-package.sh" "$packaging/check-install.sh" |
    grep -c "^ *check ['\"]")
  finish_passed=$(grep -cx 0 "$work/statuses")
  finish_failed=$((finish_all - finish_passed))
  finish_missing=$((finish_all - $(wc -l <"$work/statuses")))
  [ "$finish_missing" -eq 0 ] ||
    echo "$finish_missing of $finish_all checks did not come to their end"
  echo "$finish_passed passed, $finish_failed failed, 0 skipped"
  [ "$finish_failed" -eq 0 ]
  exit
}

# make_system NAME PACKAGES: a minimal one with these, separated by commas, besides.
make_system() {
  mmdebstrap --mode=root --variant=minbase --skip=cleanup/apt/lists --include="$2" \
    --aptopt="$work/apt.conf" --dpkgopt=force-unsafe-io bookworm "$work/root-$1" "$sources"
  cp -L /etc/resolv.conf /etc/hosts "$work/root-$1/etc/"
  in_system "$1" useradd --create-home --home-dir /srv/user user
}

mount_system() {
  mount -t proc proc "$work/root-$1/proc"
  mount -t devpts -o newinstance,ptmxmode=666 devpts "$work/root-$1/dev/pts"
}

make_base() {
  make_system base ca-certificates
}

# new_system NAME: a copy of the base.
new_system() {
  cp -a "$work/root-base" "$work/root-$1"
  mount_system "$1"
}

# in_system NAME COMMAND...: as root, in that system.
in_system() {
  in_system_root=$work/root-$1
  shift
  chroot "$in_system_root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# A system that has what need.sh says a package is built with, which is Build-Depends
# (version_test.py), and a dpkg-buildpackage for build-deb.sh that runs there, as root. Packed with
# less pains than usual, since xz takes as long for the debugging symbols as the compiler for ten
# files.
make_builder() {
  make_system build "$(echo "$build_packages $package_packages" | tr ' ' ,)"
  mount_system build
  mkdir -p "$built" "$work/root-build/srv/first" "$work/bin"
  mount --bind "$built" "$work/root-build/srv/first"
  cat >"$work/bin/dpkg-buildpackage" <<'END'
#!/bin/sh
exec chroot "$CHECK_BUILDER" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  DPKG_DEB_COMPRESSOR_LEVEL=3 DEB_BUILD_OPTIONS="$DEB_BUILD_OPTIONS" \
  sh -c 'cd "$0" && exec dpkg-buildpackage "$@"' "/srv/first/${PWD##*/}" "$@"
END
  chmod +x "$work/bin/dpkg-buildpackage"
}

# in_builder OPTIONS COMMAND...: the command, whose dpkg-buildpackage has these DEB_BUILD_OPTIONS.
in_builder() {
  in_builder_options=$1
  shift
  env PATH="$work/bin:$PATH" CHECK_BUILDER="$work/root-build" \
    DEB_BUILD_OPTIONS="$in_builder_options" "$@"
}

build_first() {
  in_builder nocheck sh "$packaging/build-deb.sh" "$built"
  # For the second one; in the first one's tree a third is made.
  cp -a "$(echo "$built/tcptool-$version"/obj-*)" "$work/first"
}

# From the source package, in the same system, with all else unlike: place, user, umask, time zone,
# locale, jobs, and with the build's own tests.
build_second() {
  cp "$built"/*.dsc "$built"/*.tar.xz "$work/root-build/srv/user/"
  mkdir "$work/root-build/first"
  mount --bind "$work/first" "$work/root-build/first"
  cat >"$work/root-build/usr/local/bin/launcher" <<'END'
#!/bin/sh
# Called as `launcher EVERY SEED COMPILER ARGUMENT...`.
every=$1 seed=$2
shift 2
for argument; do
  [ "${previous-}" != -o ] || object=$argument
  previous=$argument
done
chosen=$(($(echo "$seed $object" | cksum | cut -d ' ' -f 1) % every))
[ "$chosen" -eq 0 ] || [ ! -f "/first/$object" ] || exec cp "/first/$object" "$object"
[ ! -f "/first/$object" ] || echo "$object" >>/srv/user/compiled
exec "$@"
END
  chmod +x "$work/root-build/usr/local/bin/launcher"
  seed=$(sha256sum <"$built/tcptool_$version.tar.xz" | cut -c 1-16)
  # shellcheck disable=SC2016  # expanded by the inner shell
  in_system build runuser -u user -- env HOME=/srv/user TZ=UTC-14 LC_ALL=C \
    CMAKE_CXX_COMPILER_LAUNCHER="launcher;$every;$seed" PATH=/usr/local/bin:/usr/bin:/bin \
    DPKG_DEB_COMPRESSOR_LEVEL=3 DEB_BUILD_OPTIONS=parallel=3 sh -ec '
      cd
      mkdir another
      cd another
      # Of the folder, dpkg-source archives the name as well.
      dpkg-source -x ../tcptool_*.dsc
      cd tcptool-*
      umask 077
      dpkg-buildpackage -us -uc'
  [ -s "$work/root-build/srv/user/compiled" ]
}

same_builds() {
  # The program, its symbols, the source and its description.
  cd "$work/root-build/srv/user/another"
  for file in "tcptool_${version}_$architecture.deb" "tcptool-dbgsym_${version}_$architecture.deb" \
    "tcptool_$version.tar.xz" "tcptool_$version.dsc"; do
    sha256sum "$file"
    cmp "$file" "$built/$file"
  done
}

lintian_is_silent() {
  lintian --allow-root --pedantic -I -E --show-overrides "$changes" >"$work/lintian" 2>&1
  cat "$work/lintian"
  [ ! -s "$work/lintian" ]
}

# In the first build's tree, so that only what has the version in it is compiled again.
build_higher() {
  cd "$built/tcptool-$version"
  sed -i "1s/([^)]*)/($higher)/" debian/changelog
  rm debian/debhelper-build-stamp debian/files
  in_builder 'nocheck noautodbgsym' dpkg-buildpackage -us -uc -nc -b
}

piuparts_passes() {
  piuparts --existing-chroot="$work/root-base" -d bookworm --no-eatmydata --keep-sources-list \
    --warn-on-others "$package"
}

# What autopkgtest itself needs; a test's own packages it installs.
make_tester() {
  new_system autopkgtest
  in_system autopkgtest apt-get -q -o APT::Install-Recommends=false install dpkg-dev apt-utils
}

autopkgtest_passes() {
  autopkgtest --no-built-binaries "$package" "$built"/*.dsc -- chroot "$work/root-autopkgtest"
}

build_it() {
  check 'a system to build in' make_builder
  check 'build in a clean system' build_first
}

build_again() {
  check 'the same, with the tests of the build' build_second
  check "both builds are the same, one object of $every being compiled twice" same_builds
}

live_with_it() {
  check 'build of a higher version' build_higher
  check_install
}

every=${1:-16}
# Its mounts and processes are in namespaces of their own: they end with it, whatever happens.
if [ "${2-}" != inside ]; then
  # shellcheck disable=SC2086  # words
  need $build_packages $package_packages $repository_packages $check_package_packages || exit 1
  rm -rf "$work"
  mkdir -p "$work"
  status=0
  unshare --mount --pid --fork --kill-child --mount-proc sh "$0" "$every" inside || status=$?
  rm -rf "$work"/root-*
  exit "$status"
fi

version=$(dpkg-parsechangelog -l "$packaging/debian/changelog" -S Version)
higher=$version+b1
version=${version#*:} # as files are called
architecture=$(dpkg --print-architecture)
built=$work/deb
package=$built/tcptool_${version}_$architecture.deb
changes=$built/tcptool_${version}_$architecture.changes
higher_changes=$built/tcptool_${higher#*:}_$architecture.changes

apt-config dump | grep -E '^Acquire::(Check-|https?::|Retries)' >"$work/apt.conf" || :
echo 'APT::Get::Assume-Yes "true"; Acquire::Languages "none";' >>"$work/apt.conf"
sources=/etc/apt/sources.list.d/debian.sources
[ -f "$sources" ] || sources=/etc/apt/sources.list

touch "$work/statuses"
# Two processors: what compiles beside what waits for the disk and the mirror.
build_it &
check 'a clean system' make_base
check 'a system to install in' make_user_system
check 'a system to test in' make_tester
wait
! grep -qvx 0 "$work/statuses" || finish
build_again &
live_with_it &
check 'lintian says nothing' lintian_is_silent
check 'piuparts' piuparts_passes
check 'autopkgtest' autopkgtest_passes
wait
finish
