# SPDX-License-Identifier: MIT
"""packaging/try.sh: tcptool itself with arguments, the guided session without."""

import os
import re
import subprocess

import tool

PACKAGING = os.path.join(tool.SOURCE, "packaging")

LISTEN = """\
# tcptool 0.1.0 listen, pid 123, started 2026-12-31T23:59:59.900000Z
  0.000100 socket(AF_INET, SOCK_STREAM, 0) = 3
  0.000300 listen(3, 4096) = 0
listening on 127.0.0.1:45123, backlog 4096
  0.300000 accept4(3) = 4
"""
CONNECT = """\
# tcptool 0.1.0 connect, pid 124, started 2027-01-01T00:00:00.100000Z
  0.000200 connect(3) = 0
connected
  0.100100 shutdown(3, SHUT_WR) = 0
"""


class Session(tool.TestCase):
    def try_it(self, *args, data=""):
        env = tool.environment({"BUILD": os.path.dirname(tool.TCPTOOL)})
        return subprocess.run(["sh", os.path.join(PACKAGING, "try.sh"), *args], env=env,
                              input=data, capture_output=True, text=True, check=False,
                              timeout=100 * tool.PATIENCE)

    def merge(self, listen, connect):
        paths = []
        for name, text in (("listen", listen), ("connect", connect)):
            paths.append(os.path.join(self.tmp, name))
            with open(paths[-1], "w", encoding="ascii") as file:
                file.write(text)
        command = ["awk", "-f", os.path.join(PACKAGING, "session.awk"), f"listen={paths[0]}",
                   f"connect={paths[1]}", *paths]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def test_traces_are_merged_by_time_over_midnight(self):
        marked = [re.sub(r" {2,}", " ", line[:27]) for line in
                  self.merge(LISTEN, CONNECT).splitlines() if not line.startswith(" ")]
        self.assertEqual([
            "listen | 0.000000 # tcpt",
            "listen | 0.000100 socket",
            "listen | 0.000300 listen",
            "listen | listen",
            "connect| 0.200000 # tcpt",
            "connect| 0.200200 connec",
            "connect| connec",
            "listen | 0.300000 accept",
            "connect| 0.300100 shutdo",
        ], marked)

    def test_session_shows_both_traces_in_the_order_it_happened(self):
        done = self.try_it()
        self.assertEqual((0, ""), (done.returncode, done.stderr), done)
        lines = re.findall(r"(?m)^(?:listen |connect)\|.*", done.stdout)
        times = [float(found[1]) for line in lines
                 if (found := re.match(r".{8} +(\d+\.\d+) ", line))]
        self.assertGreater(len(times), 10, done.stdout)
        self.assertEqual(sorted(times), times)
        place = {name: next((i for i, line in enumerate(lines) if re.search(call, line)), -1)
                 for name, call in {
                     "bind": r"listen \|.* bind\(", "listen": r"listen \|.* listen\(",
                     "status": r"listen \| +listening on 127\.0",
                     "connect": r"connect\|.* connect\(",
                     "accept": r"listen \|.* accept4\(.* = \d",
                     "shutdown": r"connect\|.* shutdown\("}.items()}
        self.assertNotIn(-1, place.values(), done.stdout)
        # A client need not wait for accept: its FIN may be sent before or after it.
        for order in ("bind listen status connect accept", "connect shutdown"):
            found = [place[name] for name in order.split()]
            self.assertEqual(sorted(found), found, done.stdout)
        self.assertIn("The client read: hello from the listener\n", done.stdout)
        self.assertIn("The listener read: hello from the client\n", done.stdout)

    def test_arguments_streams_and_status_are_tcptools_own(self):
        done = self.try_it("--version")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertRegex(done.stdout, r"^tcptool \d")
        with tool.refusing_port() as port:
            self.assertEqual(6, self.try_it("connect", "127.0.0.1", str(port)).returncode)
        with tool.listen() as listener:
            done = self.try_it("connect", "-q", "127.0.0.1", str(listener.port), data="by stdin")
            self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))
            self.assert_stdout(b"by stdin", listener.finish())


if __name__ == "__main__":
    tool.main()
