# SPDX-License-Identifier: MIT
# Merges the -v output of a listener and of a connection by absolute time and marks each line with
# its side. A header line gives a trace's start, a traced line begins with the seconds since then;
# any other line (a status line) stays behind the traced line before it.

function day_number(y, m, d) {
  if (m < 3) { y--; m += 12 }
  return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d
}

# Microseconds of 2026-11-22T12:34:56.123456Z since the year 2000: exact in awk's doubles.
function microseconds(stamp, part) {
  split(stamp, part, /[-T:Z]/)
  return (day_number(part[1], part[2], part[3]) - day_number(2000, 1, 1)) * 86400000000 \
    + part[4] * 3600000000 + part[5] * 60000000 + part[6] * 1000000
}

function add(when, timed, text) {
  if (when < last) when = last  # within one trace the written order holds
  last = when
  for (i = count++; i > 0 && at[i - 1] > when; i--) {
    at[i] = at[i - 1]; side[i] = side[i - 1]; has_time[i] = has_time[i - 1]; line[i] = line[i - 1]
  }
  at[i] = when; side[i] = now; has_time[i] = timed; line[i] = text
}

# The guide's words stand above the line that begins so, once, and each after the one before it.
function guide(pattern, words) { sight[sights] = pattern; says[sights++] = words }

BEGIN {
  guide("^listen .* bind\\(", "bind gives the socket its address. It does not make a server of it:")
  guide("^listen .* listen\\(", \
    "listen does. From here on the kernel shakes hands with clients and queues them.")
  guide("^connect.* connect\\(", \
    "The kernels shake hands. Nobody need be in accept: the queue is enough.")
  guide("^listen .* accept4\\(", \
    "accept takes it from the queue: the peer's address, and a new socket")
  guide("^listen .* getsockname\\(", \
    "whose own port is the listener's: one port, many connections.")
  guide(" shutdown\\(", "stdin has ended: FIN. Receiving goes on until the other side's FIN,")
  guide(" recv\\(.*\\) = 0 ", "which is this: 0 bytes.")
}

FNR == 1 { now = FILENAME == listen ? "listen |" : "connect|"; start = last = 0 }
/^# tcptool .* started / { start = last = microseconds($NF); add(start, 1, $0); next }
/^ *[0-9]+\.[0-9]+ / {
  text = $0
  sub(/^ *[0-9.]+ /, "", text)
  add(start + $1 * 1000000, 1, text)
  next
}
{ add(last, 0, $0) }

END {
  for (i = 0; i < count; i++) {
    time = has_time[i] ? sprintf("%10.6f", (at[i] - at[0]) / 1000000) : "          "
    text = side[i] " " time "  " line[i]
    if (seen < sights && text ~ sight[seen]) print "        #             " says[seen++]
    print text
  }
}
