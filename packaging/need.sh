# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# To be sourced. The one place that says which Debian packages tcptool is made with, and need(),
# which installs by apt those that are missing. All chatter goes to stderr.

# shellcheck disable=SC2034  # used by the scripts that source this file
build_packages='g++ cmake ninja-build libcli11-dev libspdlog-dev libfmt-dev libexpected-dev'

# What the tests use besides: the peers they talk to, the programs they believe more than us.
# shellcheck disable=SC2034
test_packages='doctest-dev python3 netbase netcat-openbsd ncat socat iproute2 nftables strace procps
  mandoc bash-completion zsh fish'

# What build-deb.sh and apt-repo.sh use besides.
# shellcheck disable=SC2034
package_packages='build-essential debhelper netbase python3 strace'
# shellcheck disable=SC2034
repository_packages='dpkg-dev gnupg reprepro'

# What check-package.sh uses besides.
# shellcheck disable=SC2034
check_package_packages='autopkgtest iproute2 lintian mmdebstrap piuparts'

# need PACKAGE...: returns once every package is installed; otherwise says why not, and fails.
need() {
  if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "need: this is not Debian; please install what these packages hold: $*" >&2
    return 1
  fi
  need_missing=$(need_missing_of "$@")
  [ -n "$need_missing" ] || return 0
  if [ "$(id -u)" -eq 0 ]; then
    need_sudo=
  elif command -v sudo >/dev/null 2>&1; then
    need_sudo=sudo
  else
    echo "need: neither root nor sudo; please run as root: apt-get install $need_missing" >&2
    return 1
  fi
  echo "need: installing by apt: $need_missing" >&2
  need_apt update || echo 'need: apt-get update failed; trying with the lists that are there' >&2
  # shellcheck disable=SC2086  # words, not one name
  if need_apt install $need_missing && [ -z "$(need_missing_of "$@")" ]; then
    return 0
  fi
  echo "need: apt could not install: $(need_missing_of "$@")" >&2
  return 1
}

# need_missing_of PACKAGE...: prints those that are not installed, on one line.
need_missing_of() {
  # shellcheck disable=SC2016  # dpkg-query's own ${...}
  need_there=" $(dpkg-query -W -f='${db:Status-Status}:${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^installed://p' | tr '\n' ' ')"
  need_list=
  for need_package; do
    case $need_there in
      *" $need_package "*) ;;
      *) need_list="${need_list:+$need_list }$need_package" ;;
    esac
  done
  echo "$need_list"
}

# need_apt update | install PACKAGE...: apt-get without questions, and without our stdin.
need_apt() {
  $need_sudo env DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 \
    -o APT::Install-Recommends=false "$@" </dev/null >&2
}
