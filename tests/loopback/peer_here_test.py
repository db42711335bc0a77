# SPDX-License-Identifier: MIT
"""The peer is a program of this host: its kernel tells what it has not accepted, or not read.

Whose the sockets of other processes are is seen without the sandbox alone.
"""

import os
import signal

import tool

OPEN = ("--sandbox", "off", "--idle-timeout", "500ms")


class PeerHere(tool.TestCase):
    def test_a_connection_that_nobody_has_accepted(self):
        for options, who in ((OPEN, r"process {} \(tcptool\)"), (OPEN[2:], "a process")):
            with self.subTest(options), tool.listen("--hold", "forever") as listener:
                with tool.connect(listener.port, *options, stdin=tool.PIPE) as process:
                    process.send(b"hi\n")
                    result = process.finish()
                self.assert_status(9, result)
                self.assert_diagnosis(
                    "application", rf"it waits in the accept queue of 127\.0\.0\.1:{listener.port} "
                    rf"\(1 waiting\): {who.format(listener.pid)} of uid {os.getuid()} has not "
                    "accepted it$", result)

    def test_a_fin_is_no_byte_that_nobody_has_read(self):
        for sent, unread in ((b"hi\n", "3 bytes"), (b"", "0 bytes")):
            with self.subTest(sent), tool.listen("--hold", "forever") as listener:
                result = tool.run("connect", *OPEN, "127.0.0.1", listener.port, stdin=sent)
                self.assert_status(9, result)
                self.assert_stderr(rf"^  application  failed .* backlog \d+; {unread} not read$",
                                   result)

    def test_a_process_that_does_not_read(self):
        with tool.listen("--recv-only") as listener:
            with tool.connect(listener.port, *OPEN, stdin=self.endless) as process:
                listener.wait_for("accepted|connection from")
                listener.signal(signal.SIGSTOP)
                result = process.finish()
            listener.signal(signal.SIGCONT)
        self.assert_status(9, result)
        self.assert_diagnosis("transport", rf"does not read: process {listener.pid} \(tcptool\) of "
                              r"uid \d+ has [\d.]+ \w+ in its receive queue", result)

    @staticmethod
    def endless():
        for _ in range(400):
            yield bytes(65536)


if __name__ == "__main__":
    tool.main()
