# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# To be sourced by check-package.sh: what a user does with the package and its repository.
# shellcheck disable=SC2154  # its variables

user=$work/root-user
apt_source=/etc/apt/sources.list.d/tcptool.list
keyring=/etc/apt/keyrings/tcptool.gpg

check_install() {
  check 'the repository, and the lines that README gives' make_repository
  check "refused: another's repository, a path with blanks" repositories_are_refused
  check 'refused: a missing or another key' keys_are_refused
  check 'refused: a tampered index or package' tampering_is_refused
  check 'installed by the three lines' install_it
  check "README's sessions, as a user" sessions
  check 'the guided session, as a user' guided_session
  check 'manual pages' manual_pages
  check 'Tab in three shells, as a user' tab_key
  check 'refused: another package of the same version' another_is_refused
  check 'upgrade, by the line of README' upgrade_it
  check 'purge' purge_it
}

# What a user has: manual pages, and the three shells.
make_user_system() {
  new_system user
  in_system user apt-get -q -o APT::Install-Recommends=false install netbase man-db \
    bash-completion fish zsh
  everything >"$work/before"
}

# Each path of the system with its kind, mode and owner, a file's size, where a link points to, and
# hashes of /etc, without what changes by itself.
everything() {
  find "$user" -xdev \( -path "$user/var/cache" -o -path "$user/var/lib/apt" \
    -o -path "$user/var/log" -o -path "$user/srv" -o -path "$user/tmp" -o -path "$user/run" \
    -o -path "$user/proc" -o -path "$user/var/lib/dpkg/status-old" -o -path "$user$apt_source" \
    -o -path "$user${keyring%/*}" \) -prune -o \( -type f -printf '%p %y %m %u:%g %s\n' \
    -o -printf '%p %y %m %u:%g %l\n' \) | LC_ALL=C sort
  find "$user/etc" -path "$user$apt_source" -o -path "$user${keyring%/*}" -prune \
    -o -type f -exec sha256sum {} + | LC_ALL=C sort
}

# publish CHANGES [REPOSITORY]: into /srv/tcptool of the user's system unless given.
publish() {
  GNUPGHOME=$work/gnupg sh "$packaging/apt-repo.sh" check@tcptool.example \
    "${2:-$user/srv/tcptool}" "$1"
}

make_repository() {
  mkdir -m 700 "$work/gnupg"
  for name in check another; do
    gpg --homedir "$work/gnupg" --batch --pinentry-mode loopback --passphrase '' \
      --quick-generate-key "$name <$name@tcptool.example>" ed25519 sign 1d
  done
  publish "$changes" >"$work/printed"
  sed "s|$user||g" "$work/printed" >"$work/lines"
  readme_block 'install tcptool' | diff - "$work/lines"
}

# readme_block END: the block of README that ends so.
readme_block() {
  awk -v end="$1\n$" '/^```/ { if (said ~ end) printf "%s", said; said = ""; next }
    { said = said $0 "\n" }' "$top/README.md"
}

# refused PATTERN COMMAND...: it fails, and says why.
refused() {
  refused_pattern=$1
  shift
  if "$@" >"$work/refused" 2>&1; then
    cat "$work/refused"
    echo "not refused: $*"
    return 1
  fi
  cat "$work/refused"
  grep -Eq "$refused_pattern" "$work/refused"
}

# apt-get update, from our repository alone.
update_ours() {
  in_system user apt-get -q -o Dir::Etc::SourceList="$apt_source" \
    -o Dir::Etc::SourceParts=/dev/null -o APT::Get::List-Cleanup=false update
}

not_installed() {
  refused 'no packages found' in_system user dpkg-query --show tcptool
}

keys_are_refused() {
  sed -n "s/^echo '\(.*\)' >.*/\1/p" "$work/lines" >"$user$apt_source"
  refused 'NO_PUBKEY' update_ours
  refused 'Unable to locate package' in_system user apt-get -q install tcptool
  mkdir -p "$user${keyring%/*}"
  gpg --homedir "$work/gnupg" --batch --export another@tcptool.example >"$user$keyring"
  refused 'NO_PUBKEY' update_ours
  refused 'Unable to locate package' in_system user apt-get -q install tcptool
  not_installed
}

tampering_is_refused() {
  repository=$user/srv/tcptool
  dist=$repository/dists/bookworm
  cp "$repository/tcptool.gpg" "$user$keyring"
  cp -a "$repository" "$work/sound"

  sed -i 's/^Codename: .*/Codename: bookworn/' "$dist/InRelease"
  rm -f "$dist/Release.gpg"
  refused 'BADSIG' update_ours
  restore
  for index in "$dist/main/binary-$architecture"/Packages*; do
    printf tampered >>"$index"
  done
  refused 'Hash Sum mismatch|unexpected size' update_ours
  restore

  update_ours
  # As long as it was, so that its hash alone tells.
  printf tampered | dd of="$(echo "$repository"/pool/main/t/tcptool/tcptool_*.deb)" bs=1 seek=9000 \
    conv=notrunc
  refused 'Hash Sum mismatch' in_system user apt-get -q install tcptool
  not_installed
  restore
  rm "$user$apt_source" "$user$keyring"
  rm -r "$user"/var/lib/apt/lists/*tcptool*
}

restore() {
  rm -rf "$repository"
  cp -a "$work/sound" "$repository"
}

install_it() {
  in_system user sh -ec "$(cat "$work/lines")"
  in_system user dpkg --verify tcptool >"$work/verified"
  diff /dev/null "$work/verified"
  in_system user dpkg -L tcptool | while read -r path; do
    [ -d "$user$path" ] || echo "$path"
  done | sort >"$work/installed"
  {
    echo /usr/bin/tcptool
    echo /usr/share/doc/tcptool/changelog.gz
    echo /usr/share/doc/tcptool/copyright
    echo /usr/share/man/man1/tcptool.1.gz
    echo /usr/share/man/man5/tcptool-trace.5.gz
    echo /usr/share/bash-completion/completions/tcptool
    echo /usr/share/fish/vendor_completions.d/tcptool.fish
    echo /usr/share/zsh/vendor-completions/_tcptool
  } | sort | diff - "$work/installed"
}

# What makes a command an ordinary user's, in that system.
login="chroot $user runuser -u user -- env -i PATH=/usr/bin:/bin HOME=/srv/user LC_ALL=C.UTF-8"

# as_user COMMAND...: on a network of loopback alone, where every port is free.
as_user() {
  # shellcheck disable=SC2016,SC2086  # expanded by the inner shell; words
  unshare --net sh -ec 'ip link set lo up; exec "$@"' as_user $login TERM=xterm "$@"
}

# Typed into terminals, as they are written.
sessions() {
  TCPTOOL_LOGIN=$login PYTHONPATH=$top/tests/support PYTHONDONTWRITEBYTECODE=1 \
    python3 "$top/tests/netns/readme_test.py" >"$work/sessions" 2>&1 || {
    cat "$work/sessions"
    return 1
  }
  grep -Ex '[1-9][0-9]* passed, 0 failed, 0 skipped' "$work/sessions"
}

guided_session() {
  mkdir "$user/tmp/packaging"
  cp "$packaging"/session.* "$user/tmp/packaging/"
  as_user timeout 60 sh /tmp/packaging/session.sh /usr/bin/tcptool >"$work/guided"
  cat "$work/guided"
  grep -qx 'The client read: hello from the listener' "$work/guided"
  grep -qx 'The listener read: hello from the client' "$work/guided"
}

manual_pages() {
  as_user man tcptool >"$work/tcptool.1" 2>"$work/manual-errors"
  grep -q '^EXIT STATUS' "$work/tcptool.1"
  as_user man tcptool-trace >"$work/tcptool-trace.5" 2>>"$work/manual-errors"
  grep -q '^SEE ALSO' "$work/tcptool-trace.5"
  diff /dev/null "$work/manual-errors"
  as_user whatis tcptool | grep '^tcptool (1) '
}

# Two Tabs make `tcptool connect --help` of what is typed.
tab_key() {
  # zsh completes for whoever has asked it to, as its first start proposes.
  echo 'autoload -Uz compinit && compinit; PS1="ready> "' >"$user/srv/user/.zshrc"
  tab_in 'PROMPT_COMMAND="PS1=\"ready> \"" bash -i'
  tab_in 'zsh -i'
  tab_in 'fish -i -C "function fish_prompt; echo -n \"ready> \"; end"'
}

tab_in() {
  rm -rf "$user/tmp/tab"
  mkdir -m 777 "$user/tmp/tab"
  # shellcheck disable=SC2016  # expanded by the inner shell
  as_user timeout 60 sh -c '
    cd /tmp/tab
    mkfifo keys
    exec 3<>keys
    script -qfec "$1" shown <keys >/dev/null 2>&1 &
    until grep -q "ready> " shown; do sleep 0.05; done
    printf "tcptool conn\t--he\t\nexit\n" >&3
    wait' tab_in "$1"
  grep -a 'Usage: tcptool connect ' "$user/tmp/tab/shown"
}

# Before anything is touched.
repositories_are_refused() {
  mkdir -p "$work/others/conf"
  printf 'Codename: bookworm\nComponents: main\nSignWith: no\n' >"$work/others/conf/distributions"
  cp -a "$work/others" "$work/others-before"
  refused 'Nothing was changed' publish "$changes" "$work/others"
  diff -r "$work/others-before" "$work/others"
  refused 'a path of letters' publish "$changes" "$work/a folder"
  [ ! -e "$work/a folder" ]
}

# Another package of a version that is there already.
another_is_refused() {
  mkdir "$work/another"
  dpkg-deb -R "$package" "$work/another/tree"
  echo another >>"$work/another/tree/usr/share/doc/tcptool/copyright"
  cp "$built"/*_"$version"[._]* "$work/another/"
  dpkg-deb --root-owner-group -b "$work/another/tree" "$work/another/${package##*/}"
  changestool "$work/another/${changes##*/}" updatechecksums
  refused 'has another tcptool .* Raise the version' publish "$work/another/${changes##*/}"
  # The same one again is nothing new.
  publish "$changes"
}

upgrade_it() {
  publish "$higher_changes"
  in_system user sh -ec "$(readme_block 'apt-get upgrade')"
  in_system user dpkg-query --show tcptool >"$work/upgraded"
  printf 'tcptool\t%s\n' "$higher" | diff - "$work/upgraded"
  in_system user dpkg --verify tcptool >"$work/verified"
  diff /dev/null "$work/verified"
  as_user tcptool --version | grep -Fx "tcptool $higher"
}

purge_it() {
  in_system user apt-get -q purge tcptool
  in_system user apt-get -q autoremove --purge
  not_installed
  everything | diff "$work/before" -
}
