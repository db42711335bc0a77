# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# To be sourced. One build folder and one configuration for try.sh, the tests and CI, so that none
# of them makes another build again. All chatter goes to stderr.

# configure SOURCE FOLDER [CMAKE ARGUMENT...]: what it says is shown only if it fails.
configure() {
  configure_source=$1
  configure_folder=$2
  shift 2
  mkdir -p "$configure_folder"
  cmake -S "$configure_source" -B "$configure_folder" -G Ninja "$@" \
    >"$configure_folder/configure.log" 2>&1 </dev/null && return 0
  cat "$configure_folder/configure.log" >&2
  return 1
}

# compile FOLDER TARGET: silent when there is nothing to do; else one line, on a terminal with
# its progress, and whatever the compiler says.
compile() {
  # The pipe would swallow ninja's status: it comes round by descriptor 3.
  compile_status=$(
    {
      {
        if ninja -C "$1" "$2" 2>&1 </dev/null; then echo 0 >&3; else echo 1 >&3; fi
      } | compile_filter "$1" >&2
    } 3>&1
  )
  return "$compile_status"
}

compile_filter() {
  filter_said=
  while IFS= read -r filter_line; do
    case $filter_line in
      'ninja: no work to do.' | 'ninja: Entering directory'* | *'Re-checking globbed'* | '-- '*) ;;
      '['[0-9]*/[0-9]*']'*)
        [ -n "$filter_said" ] || echo "building in $1 ..."
        filter_said=1
        [ ! -t 2 ] || printf '\r%s ' "${filter_line%%]*}]"
        ;;
      *) printf '%s\n' "$filter_line" ;;
    esac
  done
  [ -z "$filter_said" ] || [ ! -t 2 ] || printf '\r            \r'
}

# with_lock FOLDER COMMAND...: two terminals may start at once; only one of them builds.
with_lock() {
  mkdir -p "$1"
  exec 9>"$1/.lock"
  flock 9
  shift
  lock_status=0
  "$@" || lock_status=$?
  exec 9>&-
  return "$lock_status"
}
