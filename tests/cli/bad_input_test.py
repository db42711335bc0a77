# SPDX-License-Identifier: MIT
"""What cannot be right is refused: status 2, one clear line, nothing on stdout, nothing opened.

A row is a command line and what its one line on stderr must contain: the option, the value, a good
example.
"""

import json
import os
import shlex
import unittest

import tool

C = "connect 127.0.0.1 80 "  # in front of options
L = "listen 0 "
LONG = "a" * 300

ROWS = [
    # Commands.
    ("frobnicate", "'frobnicate'", "listen", "connect", "help"),
    ("conect host 80", "'conect'", "did you mean connect?"),
    ("lisen 80", "'lisen'", "did you mean listen?"),
    ("''", "''", "connect"),
    ("version", "'version'", "did you mean tcptool --version?"),
    ("-z localhost 1", "'-z'", "before the command; say: tcptool connect -z ...\n"),
    ("-kv 9000", "'-kv'", "tcptool listen -k"),
    ("-vz localhost 1", "'-vz'", "before the command; say: tcptool connect -vz ...\n"),
    ("-w5 localhost 1", "tcptool listen -w5 ... or tcptool connect -w5 ...\n"),
    ("--port 9000", "'--port'", "before the command; say: tcptool listen --port ...\n"),
    ("-w 5 localhost 1", "tcptool listen -w ... or tcptool connect -w ...\n"),
    ("--licence", "unknown option '--licence'; see tcptool --help"),
    ("--parallell 4", "unknown option '--parallell'; did you mean --parallel?"),
    ("-p 9000", "-p", "tcptool listen -p"),
    ("help frob", "'frob'", "connect"),
    ("connect", "tcptool connect HOST PORT"),
    ("listen", "tcptool listen PORT"),
    # Ports.
    ("connect host 65536", "'65536'", "65535"),
    ("connect host -1", "'-1'", "such as 9000"),
    ("connect host -- -1", "'-1'", "such as 9000"),
    ("connect host 080", "'080'", "such as 9000"),
    ("connect host +80", "'+80'", "such as 9000"),
    ("connect host 0x50", "'0x50'", "such as 9000"),
    ("connect host '80 '", "'80 '", "such as 9000"),
    ("connect host ''", "port is empty", "9000"),
    ("connect host 0", "port 0", "1 to 65535"),
    ("connect host 99999999999999999999", "'99999999999999999999'", "65535"),
    ("connect host 80 90", "'90'", "HOST PORT"),
    ("connect host 80 -- 90", "'90'", "HOST PORT"),
    ("connect -z host 80 90", "'90'", "22,80"),
    ("connect http://host/x 80", "a URL; say: tcptool connect host http\n"),
    ("connect https://me@host:8443", "a URL; say: tcptool connect host 8443\n"),
    ("connect https://[::1]/", "a URL; say: tcptool connect [::1] https\n"),
    ("connect -n 127.0.0.1 http", "'http'", "-n"),
    ("connect 127.0.0.1 nosuchservice", "nosuchservice", "number"),
    ("connect host 80,81", "'80,81'", "-z"),
    ("connect -z host 81-80", "'81-80'", "20-25"),
    ("connect -z host 80,", "port is empty", "9000"),
    ("connect -z host 80-", "port is empty", "9000"),
    ("connect -z host 0-5", "port 0", "1 to 65535"),
    ("connect -z host 22,65536", "'65536'", "65535"),
    ("listen 65536", "'65536'", "65535"),
    ("listen -1", "'-1'", "such as 9000"),
    ("listen 080", "'080'", "such as 9000"),
    ("listen ''", "port is empty", "9000"),
    ("listen -p ''", "--port", "9000"),
    ("listen -p 9000 9001", "9000", "9001"),
    ("listen 127.0.0.1 9000 9001", "'9001'", "[ADDR] PORT"),
    ("listen -n http", "'http'", "-n"),
    # Hosts.
    ("connect host", "'host'", "host:9000"),
    ("connect '' 80", "host is empty", "127.0.0.1"),
    ("connect :80", "host is empty", "127.0.0.1"),
    (f"connect {LONG} 80", "300 characters", "253"),
    ("connect -n host 80", "'host'", "-n"),
    ("connect 80 host", "'80'", "before the port"),
    ("connect 'ho st' 80", "'ho st'"),
    ("connect ::1:9000", "'::1:9000'", "[::1]:9000"),
    ("connect ::1", "'::1'", "[::1]:9000"),
    ("connect [::1]:", "port is empty", "9000"),
    ("connect [127.0.0.1]:80", "'127.0.0.1'", "[::1]"),
    ("connect host:80:90", "'host:80:90'", "[::1]:9000"),
    ("connect 256.1.1.1 80", "'256.1.1.1' is no IPv4 address", "0 to 255"),
    ("listen 10.0.0.999 9000", "'10.0.0.999' is no IPv4 address", "0 to 255"),
    ("connect fe80::1 80", "fe80::1", "%eth0", "-i eth0"),
    ("connect [fe80::1]:80", "fe80::1", "%eth0", "-i eth0"),
    ("connect 127.0.0.1%lo 80", "'127.0.0.1'", "fe80::1%eth0"),
    ("connect -4 ::1 80", "::1", "-4"),
    ("connect -6 127.0.0.1 80", "127.0.0.1", "-6"),
    ("connect -4 -6 host 80", "-4 and -6"),
    ("listen ::1:9000", "'::1:9000'", "[::1]:9000"),
    ("listen -n localhost 9000", "'localhost'", "-n"),
    ("listen -s ::1 127.0.0.1 9000", "-s"),
    ("listen fe80::1 9000", "fe80::1", "-i eth0"),
    # Numbers, sizes and times.
    (L + "-b -5", "--backlog", "'-5'", "such as 16"),
    (L + "-b 99999999999999999999", "--backlog", "'99999999999999999999'", "2147483647"),
    (L + "-b 1.5", "--backlog", "'1.5'", "such as 16"),
    (L + "-b ''", "--backlog", "''", "such as 16"),
    (C + "-w -3s", "--connect-timeout", "'-3s'", "500ms"),
    (C + "-w=5", "--connect-timeout", "'=5'", "500ms"),
    (C + "--timeout 1e400", "--timeout", "'1e400'", "500ms"),
    (C + "--timeout 99999999999999999999", "--timeout", "'99999999999999999999'"),
    (C + "--timeout 1000000h", "--timeout", "'1000000h'", "0 means no limit"),
    (C + "--idle-timeout inf", "--idle-timeout", "'inf'", "500ms"),
    (C + "--linger 1,5", "--linger", "'1,5'", "1.5s"),
    (C + "--linger .", "--linger", "'.'", "1.5s"),
    (C + "--retry-interval 3x", "--retry-interval", "'3x'", "500ms"),
    (C + "--retry=-1", "--retry", "'-1'", "such as"),
    (C + "--retry 3", "'3'", "did you mean --retry=3?"),
    ("connect --retry= 127.0.0.1 80", "--retry needs a value"),
    (C + "--keepalive 0", "--keepalive", "'0'", "60,10,5"),
    (C + "--keepalive 1.5", "--keepalive", "'1.5'", "60,10,5"),
    (C + "--keepalive 40000", "--keepalive", "'40000'", "60,10,5"),
    (C + "--keepalive 1,2,3,4", "--keepalive", "60,10,5"),
    # Options.
    (C + "--frobnicate", "'--frobnicate'", "tcptool connect --help"),
    (C + "--verbos", "'--verbos'", "did you mean --verbose?"),
    (C + "--verison", "'--verison'", "did you mean tcptool --version?"),
    (C + "--conect-timeout 5", "'--conect-timeout'", "did you mean --connect-timeout?"),
    (L + "--portfile x", "'--portfile'", "did you mean --port-file?"),
    (C + "-w 1 -w 2", "--connect-timeout", "more than once"),
    (C + "-z --check", "--check", "more than once"),
    (C + "-q --quiet", "--quiet", "more than once"),
    (C + "-o TCP_NODELAY -o TCP_NODELAY", "--option", "TCP_NODELAY", "twice"),
    (C + "-w", "--connect-timeout needs a value"),
    (C + "--timeout=", "--timeout needs a value"),
    (C + "--check=yes", "--check takes no value"),
    (C + "--quiet=false", "--quiet takes no value"),
    ("--help=1", "--help takes no value"),
    (C + "--color purple", "--color", "'purple'", "auto, always, never"),
    (C + "--send-only --recv-only", "--send-only and --recv-only"),
    (C + "-N --no-half-close", "--half-close and --no-half-close"),
    (L + "--", "which command", "-- COMMAND"),
    (L + "-- ''", "the command is empty", "-- COMMAND"),
    (L + "-- no-such-program", "'no-such-program'", "ENOENT"),
    (L + "-- /etc/passwd", "'/etc/passwd'", "EACCES"),
    (L + "--serve echo -- cat", "--serve", "COMMAND"),
    (L + "--serve chargen", "--serve", "'chargen'", "echo"),
    (L + "-k -m 0", "--max-clients", "minimum, 1"),
    (L + "-k -m many", "--max-clients", "'many'"),
    (L + "-m 5", "-m", "-k"),
    (L + "--client-buffer 1M", "--client-buffer", "-k"),
    (L + "-k --client-buffer 0", "--client-buffer", "256k"),
    (L + "-k --client-buffer 2G", "--client-buffer", "'2G'"),
    (L + "-k --grace soon", "--grace", "'soon'", "500ms"),
    # Socket options.
    (C + "-o NOSUCH=1", "--option", "'NOSUCH'", "such as TCP_NODELAY"),
    (C + "-o TCP_NODLAY", "'TCP_NODLAY'", "did you mean TCP_NODELAY?"),
    (C + "-o TCP_NODELAY=maybe", "TCP_NODELAY", "'maybe'", "1 or 0"),
    (C + "-o SO_RCVBUF", "--option", "SO_RCVBUF=VALUE"),
    (C + "-o SO_RCVBUF=big", "SO_RCVBUF", "'big'", "64k"),
    (C + "-o SO_RCVBUF=-5", "SO_RCVBUF", "'-5'", "64k"),
    (C + "-o SO_RCVBUF=99999999999", "SO_RCVBUF", "'99999999999'", "2.0 GiB"),
    (C + "-o TCP_USER_TIMEOUT=soon", "TCP_USER_TIMEOUT", "'soon'", "500ms"),
    (C + "-o IP_TTL=1.5", "IP_TTL", "'1.5'", "such as 64"),
    (L + "-o SO_LINGER=abc", "SO_LINGER", "'abc'", "10 (seconds)"),
    # The local end.
    ("connect 127.0.0.1 80 -s ::1", "--source", "::1", "IPv4"),
    ("connect ::1 80 -s 127.0.0.1", "--source", "127.0.0.1", "IPv6"),
    ("connect -4 host 80 -s ::1", "--source", "::1", "IPv4"),
    (C + "-s name", "--source", "'name'", "127.0.0.1"),
    (C + "-s ''", "--source", "127.0.0.1"),
    (C + "-s 127.0.0.1:99999", "--source", "'99999'", "65535"),
    (C + "-s 127.0.0.1:5 -p 6", "-s", "-p"),
    (C + "-p 65536", "--source-port", "'65536'", "65535"),
    (C + "-p http", "--source-port", "'http'", "40000"),
    (C + "-i ''", "--interface", "''", "eth0"),
    (C + "-i interface-with-a-name", "--interface", "'interface-with-a-name'", "eth0"),
    ("listen --port-file /nonexistent/port 0", "--port-file", "/nonexistent/port", "ENOENT"),
    ("listen --port-file / 0", "--port-file", "/", "EISDIR"),
    ("listen --port-file '' 0", "--port-file", "/tmp/port"),
]

# What fingers that know nc, ncat or socat would type, and what is said instead.
FOREIGN = [
    ("-l 9000", "'-l'", "tcptool listen -p PORT"),
    ("-lvp 9000", "'-lvp'", "tcptool listen -p PORT"),
    ("-l -p 9000 -e /bin/sh", "'-l'", "tcptool listen -p PORT"),
    ("listen -l 9000", "'-l'", "tcptool listen -p PORT"),
    ("connect -q 1 host 80", "-q means quiet", "--idle-timeout"),
    ("connect -q1 host 80", "-q means quiet", "--idle-timeout"),
    ("connect -q 0 host:80", "-q means quiet", "--idle-timeout"),
    ("listen -q 1 9000", "-q means quiet", "--idle-timeout"),
    ("listen -q 1 -p 9000", "-q means quiet", "--idle-timeout"),
    ("connect -e /bin/sh host 80", "'-e'", "socat"),
    ("listen -e /bin/sh 9000", "'-e'", "-- COMMAND"),
    ("listen -c cat 9000", "'-c'", "-- COMMAND"),
    ("connect -k host 80", "'-k'", "tcptool listen -k"),
    ("connect -u host 53", "'-u'", "nc -u"),
    ("connect -U /tmp/socket", "'-U'", "nc -U"),
    ("connect -x proxy:80 host 80", "'-x'", "ncat --proxy"),
    ("connect --proxy proxy:80 host 80", "'--proxy'", "uses no proxy"),
    ("connect --proxy-type=http host 80", "'--proxy-type'", "uses no proxy"),
    ("connect --ssl host 443", "'--ssl'", "openssl s_client"),
    ("connect --ssl-verify host 443", "'--ssl-verify'", "openssl s_client"),
    ("--udp host 53", "'--udp'", "nc -u"),
    ("listen --sh-exec sh 9000", "'--sh-exec'", "listen PORT -- COMMAND"),
    ("connect -d host 80", "'-d'", "--recv-only"),
]

# Control characters are never written to the terminal as they are.
ESCAPES = "\x1b]0;x\x07\u202e"
HOSTILE = [
    ["connect", "h\x1b[31m", "80"],
    ["connect", "host", "8\n0"],
    ["connect", "--x\x07"],
    ["c\nd"],
    ["connect", "host", "80", "-o", "TCP_\x1b"],
    ["listen", "0", "--port-file", "/nonexistent/\x1b[2J"],
    ["connect", "-n", "\udcff\udcfe", "80"],
    *(["listen", option, ESCAPES, "0"] for option in (
        "--allow", "--backlog", "--client-buffer", "--color", "--diagnose", "--grace", "--hold",
        "--keepalive", "--linger", "--max-clients", "--option", "--sandbox",
        "--serve", "--source", "--trace-filter", "--trace-format", "--trace-limit", "-w")),
    ["connect", "--trace", f"/nonexistent/{ESCAPES}", "host", "80"],
]
# The same of what the kernel is asked for.
HOSTILE_TO_THE_KERNEL = [
    ["connect", "-i", ESCAPES, "127.0.0.1", "80"],
    ["connect", "-z", "-i", ESCAPES, "127.0.0.1", "80,81"],
    ["connect", "--parallel", "2", "-i", ESCAPES, "127.0.0.1", "80"],
    ["connect", "-o", f"TCP_CONGESTION={ESCAPES}", "127.0.0.1", "80"],
    ["listen", "-o", f"SO_BINDTODEVICE={ESCAPES}", "127.0.0.1", "0"],
    ["listen", "--diagnose", "off", "-i", ESCAPES, "127.0.0.1", "0"],
]


class BadInput(tool.TestCase):
    def check(self, rows):
        for line, *words in rows:
            with self.subTest(line):
                result = tool.run(*shlex.split(line))
                self.assert_usage(r"^tcptool: \S", result)
                self.assertEqual(1, result.stderr.count("\n"), result)
                self.assert_none(f"no {word} in: {result.stderr}" for word in words
                                 if word not in result.stderr)

    def test_each_is_one_line_that_names_the_option_the_value_and_a_good_example(self):
        self.check(ROWS)

    def test_options_of_other_programs_get_our_spelling_or_the_tool_that_has_them(self):
        self.check(FOREIGN)

    def test_control_characters_are_shown_escaped(self):
        for words in HOSTILE:
            with self.subTest(words):
                result = tool.run(*words)
                self.assert_usage(r"^tcptool: \S", result)
                self.assertEqual(1, result.stderr.count("\n"), result)
                self.assertTrue(result.stderr.rstrip("\n").isprintable(), result)
                self.assertNotIn(r"\\x", result.stderr)
        for words in HOSTILE_TO_THE_KERNEL:
            with self.subTest(words):
                result = tool.run(*words)
                self.assert_status(4, result)
                self.assertTrue(result.stderr.replace("\n", "").isprintable(), result)
                self.assertIn(r"=\x1b]0;x\x07\xe2\x80\xae: ", result.stderr)

    def test_json_makes_an_object_of_it(self):
        for line, word in (("connect --json host 65536", "'65536'"),
                           ("listen --json -b -5 0", "-5"),
                           ("connect host 80 --nosuch --json", "--nosuch"),
                           ("frobnicate --json", "frobnicate")):
            with self.subTest(line):
                result = tool.run(*line.split())
                self.assert_usage("^{", result)
                told = json.loads(result.stderr)
                self.assertEqual(("error", 2), (told["type"], told["status"]), result)
                self.assertIn(word, told["message"])

    @unittest.skipIf(tool.WRAPPER, "strace would tell of the wrapper")
    def test_nothing_is_opened(self):
        """Under strace: no socket, and no file but those of the start of any program."""
        trace = os.path.join(self.tmp, "trace")
        under = ["strace", "-f", "-o", trace, "-e", "trace=network,getrandom"]
        for line in ("connect host 65536", "listen -p 080", "connect 127.0.0.1 80 -w 1e400",
                     "listen 0 -b -5", "connect 127.0.0.1 80 -s ::1", "connect -n host 80",
                     "listen 0 --port-file /nonexistent/port", "connect -q 1 host 80",
                     "connect 127.0.0.1 80 -o NOSUCH", "conect host 80",
                     "connect -z 127.0.0.1 1,nosuch"):
            with self.subTest(line):
                self.assert_usage("^tcptool: ", tool.run(*line.split(), under=under))
                with open(trace, encoding="ascii", errors="replace") as calls:
                    self.assert_none(call for call in calls if "socket(AF_INET" in call)

    def test_a_usage_error_leaves_a_port_file_alone(self):
        path = os.path.join(self.tmp, "port")
        with open(path, "w", encoding="ascii") as file:
            file.write("kept")
        self.assert_usage("65536", tool.run("listen", "--port-file", path, 65536))
        with open(path, encoding="ascii") as file:
            self.assertEqual("kept", file.read())


if __name__ == "__main__":
    tool.main()
