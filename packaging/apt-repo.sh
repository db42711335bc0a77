#!/bin/sh
# SPDX-License-Identifier: MIT
# apt-repo.sh KEY REPOSITORY [CHANGES]: puts what build-deb.sh has built into the folder REPOSITORY,
# an apt repository for Debian 12 that is made if need be, and prints the lines that install tcptool
# from it. KEY is what gpg calls the secret key that signs; its public half goes into REPOSITORY,
# as tcptool.gpg. CHANGES is the build's .changes, the one in build/deb unless given. What has the
# version of a package there must be that package. A repository of another's making is left alone.
set -eu
packaging=$(cd "$(dirname "$0")" && pwd)
top=${packaging%/*}
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  echo 'usage: apt-repo.sh KEY REPOSITORY [CHANGES]' >&2
  exit 2
fi
# shellcheck source=packaging/need.sh
. "$packaging/need.sh"
# shellcheck disable=SC2086  # words
need $repository_packages

repository=$(realpath -ms -- "$2")
case $repository in
  *[!A-Za-z0-9/._+~-]*)
    echo "apt-repo: a blank, or a sign that apt or the shell may take for its own, in '$2':" >&2
    echo "  take a path of letters, digits and /._+~- alone" >&2
    exit 1
    ;;
esac
key=$(gpg --batch --with-colons --list-secret-keys "$1" 2>/dev/null |
  awk -F: '$1 == "fpr" { print $10; exit }')
if [ -z "$key" ]; then
  echo "apt-repo: gpg has no secret key '$1'; this makes one, and asks for its passphrase:" >&2
  echo "  gpg --quick-generate-key '$1' ed25519 sign" >&2
  exit 1
fi
architecture=$(dpkg --print-architecture)
version=$(dpkg-parsechangelog -l "$packaging/debian/changelog" -S Version)
changes=${3:-$top/build/deb/tcptool_${version#*:}_$architecture.changes}
if [ ! -f "$changes" ]; then
  echo "apt-repo: no $changes; packaging/build-deb.sh makes it" >&2
  exit 1
fi

distributions="Codename: bookworm
AlsoAcceptFor: unstable
Architectures: $architecture source
Components: main
SignWith: $key"
conf=$repository/conf/distributions
if { [ -e "$conf" ] || [ -h "$conf" ]; } &&
  ! printf '%s\n' "$distributions" | diff -u "$conf" - >&2; then
  echo "apt-repo: $conf is not what this key's repository has (see above)." >&2
  echo "  Nothing was changed: take another folder, or remove that file first" >&2
  exit 1
fi
mkdir -p "$repository/conf"
printf '%s\n' "$distributions" >"$conf"
gpg --batch --export "$key" >"$repository/tcptool.gpg"
version=$(sed -n 's/^Version: //p' "$changes")
if ! said=$(reprepro --silent -b "$repository" include bookworm "$changes" 2>&1); then
  # shellcheck disable=SC2016  # reprepro's own ${...}
  if reprepro -b "$repository" --list-format '${version}\n' list bookworm tcptool |
    grep -Fqx "$version"; then
    echo "apt-repo: $repository has another tcptool $version already. Raise the version in" >&2
    echo "  packaging/debian/changelog and build again; or take that one out, and come again:" >&2
    echo "  reprepro -b $repository removesrc bookworm tcptool" >&2
  else
    printf '%s\n' "$said" >&2
  fi
  exit 1
fi
# apt reads it as another user.
chmod -R a+rX "$repository"

source="deb [signed-by=/etc/apt/keyrings/tcptool.gpg] file:$repository bookworm main"
cat <<END
install -D -m 644 $repository/tcptool.gpg /etc/apt/keyrings/tcptool.gpg
echo '$source' >/etc/apt/sources.list.d/tcptool.list
apt-get update && apt-get install tcptool
END
