#!/bin/sh
# SPDX-License-Identifier: MIT
# session.sh TCPTOOL: a listener and a connection over loopback, and what both asked of the kernel,
# in the order it happened, with a word on what to look at. try.sh runs it.
set -eu
tcptool=$1
here=$(dirname "$0")
dir=$(mktemp -d)
listener=
clean_up() {
  [ -z "$listener" ] || kill "$listener" 2>/dev/null || :
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

give_up() {
  echo "session: $1" >&2
  cat "$dir/listen" "$dir/connect" >&2 2>/dev/null || :
  exit 1
}

# --timeout bounds both, whatever happens; so the loop below ends as well.
printf 'hello from the listener\n' |
  "$tcptool" listen -v --color=never --timeout 20s --port-file "$dir/port" 127.0.0.1 0 \
    >"$dir/heard-by-listen" 2>"$dir/listen" &
listener=$!
while [ ! -s "$dir/port" ]; do
  kill -0 "$listener" 2>/dev/null || give_up 'the listener did not start:'
  sleep 0.02
done
port=$(cat "$dir/port")
connected=0
printf 'hello from the client\n' |
  "$tcptool" connect -v --color=never --timeout 20s 127.0.0.1 "$port" \
    >"$dir/heard-by-connect" 2>"$dir/connect" || connected=$?
[ "$connected" -eq 0 ] || give_up "the connection failed with status $connected:"
accepted=0
wait "$listener" || accepted=$?
listener=
[ "$accepted" -eq 0 ] || give_up "the listener failed with status $accepted:"

cat <<EOF
Two programs have just talked over loopback:

  printf 'hello from the listener\\n' | tcptool listen -v 127.0.0.1 0     (any free port: $port)
  printf 'hello from the client\\n' | tcptool connect -v 127.0.0.1 $port

This is each system call that they made, merged in the order the calls began: seconds from the
start, the call, its arguments by name, what the kernel returned. Lines with # are the guide's.

EOF
awk -f "$here/session.awk" listen="$dir/listen" connect="$dir/connect" "$dir/listen" "$dir/connect"
cat <<EOF

The client read: $(cat "$dir/heard-by-connect")
The listener read: $(cat "$dir/heard-by-listen")

Try next, in two terminals:

  sh packaging/try.sh listen -p 9000              and in the other one
  sh packaging/try.sh connect localhost 9000      type; Ctrl-D sends FIN, and it goes on receiving

  sh packaging/try.sh connect localhost 1; echo \$?                  a refusal: status 6
  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sh packaging/try.sh connect -v example.org 80
  sh packaging/try.sh --help
EOF
