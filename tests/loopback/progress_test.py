# SPDX-License-Identifier: MIT
"""--progress: on a terminal a line in place, elsewhere only if asked for, never in the way."""

import contextlib
import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import termios
import threading

import tool

ERASE = "\r\x1b[K"
LINE = re.compile(r"(sent|received) \d")
MUCH = 64 << 20  # more than the kernels at both ends hold


def set_width(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def rows_of(output, columns):
    """The rows of a terminal that got `output`, as text; longer lines are broken as it would."""
    rows, column = [""], 0
    for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.|\n", output, re.DOTALL):
        if part == "\r":
            column = 0
        elif part == "\n":
            rows.append("")
        elif part == "\x1b[K":
            rows[-1] = rows[-1][:column]
        elif part.endswith("m") and len(part) > 1:
            pass
        elif len(part) > 1:
            raise tool.Failure(f"an unknown sequence {part!r}")
        else:
            if column == columns:
                rows.append("")
                column = 0
            rows[-1] = rows[-1][:column].ljust(column) + part + rows[-1][column + 1:]
            column += 1
    return rows


class Screen:
    """tcptool with stderr on a terminal, connected to a socket of ours, .peer."""

    def __init__(self, stack, *args, columns=200, stdin=subprocess.PIPE,
                 stdout=subprocess.DEVNULL, term="xterm", share=()):
        self.output, self.changed = "", threading.Condition()
        self.master, self.slave = pty.openpty()
        set_width(self.master, columns)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.settimeout(10 * tool.PATIENCE)
        self.process = subprocess.Popen(
            tool.words("connect", *args, "127.0.0.1", listener.getsockname()[1]),
            stdin=self.slave if 0 in share else stdin, stderr=self.slave,
            stdout=self.slave if 1 in share else stdout,
            env=tool.environment({"TERM": term, "NO_COLOR": "1"}))
        os.close(self.slave)
        stack.callback(self.end)
        self.peer = stack.enter_context(listener.accept()[0])
        self.peer.settimeout(30 * tool.PATIENCE)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(10)
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        os.close(self.master)

    def read(self):
        with contextlib.suppress(OSError):  # EIO: nobody has the other side any more
            while chunk := os.read(self.master, 65536):
                with self.changed:
                    self.output += chunk.decode()
                    self.changed.notify_all()

    def wait_for(self, found, what):
        """Waits until found(output) is true."""
        with self.changed:
            if not self.changed.wait_for(lambda: found(self.output), 10 * tool.PATIENCE):
                raise tool.Failure(f"no {what}: {self.output!r}")

    def wait_for_updates(self, count):
        self.wait_for(lambda output: len(updates(output)) >= count, f"{count} updates")

    def finish(self):
        """The peer and stdin end; the status, and all output."""
        if self.process.stdin:
            self.process.stdin.close()
        self.peer.shutdown(socket.SHUT_WR)
        while self.peer.recv(1 << 20):
            pass
        status = self.process.wait(30 * tool.PATIENCE)
        self.reader.join(10 * tool.PATIENCE)
        return status, self.output


def updates(output):
    """What was drawn in place, one text each."""
    drawn = [piece.partition("\r")[0] for piece in output.split(ERASE)[1:]]
    return [text for text in drawn if "\n" not in text and LINE.match(text)]


class Progress(tool.TestCase):
    def screen(self, *args, **keywords):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return Screen(stack, *args, **keywords)

    def test_on_a_terminal_it_is_drawn_in_place_and_erased_at_the_end(self):
        screen = self.screen("--progress")
        screen.process.stdin.write(b"x" * 1000)
        screen.process.stdin.flush()
        screen.wait_for_updates(3)
        status, output = screen.finish()
        self.assertEqual(0, status, output)
        self.assertIn("sent 1000 bytes", "".join(updates(output)))
        rows = rows_of(output, 200)
        self.assertRegex(rows[0], "^connected ")
        self.assertRegex(rows[-2], "^closed ")
        self.assertFalse([row for row in rows if LINE.match(row)], rows)

    def test_it_goes_on_while_nothing_moves_and_says_what_holds_it_up(self):
        with open("/dev/zero", "rb") as zeros:
            screen = self.screen("--progress", stdin=zeros)
            screen.wait_for(lambda output: "nothing moved for" in output, "halt")
            screen.peer.close()
            screen.process.wait(30 * tool.PATIENCE)
        self.assertIn("limited by the peer's receive window", screen.output)

    def test_there_are_at_most_ten_in_each_second_of_the_connection(self):
        screen = self.screen("--progress")
        screen.wait_for_updates(12)
        _, output = screen.finish()
        seconds = float(re.search(r"closed after ([\d.]+) (s|ms)", output)[1])
        self.assertIn(" s,", re.search(r"closed after .*", output)[0])
        # The closing line rounds to a tenth.
        self.assertLessEqual(len(updates(output)), (seconds + 0.05) * 10)

    def test_status_lines_and_the_trace_are_never_mixed_into_it(self):
        screen = self.screen("--progress", "-v")
        for count in range(1, 4):
            screen.peer.sendall(b"answer")
            screen.wait_for_updates(count)
        screen.peer.shutdown(socket.SHUT_WR)
        screen.wait_for(lambda output: "peer has closed its side (FIN)" in output, "status line")
        screen.wait_for(lambda output: LINE.match(updates(output)[-1]), "line")
        _, output = self.finish_after_shutdown(screen)
        starts = re.compile(
            r"# tcptool |connected |peer has closed|closed after| {1,2}\d+\.\d{6} |$")
        wrong = [row for row in rows_of(output, 10_000) if not starts.match(row)]
        self.assertEqual([], wrong)

    @staticmethod
    def finish_after_shutdown(screen):
        screen.process.stdin.close()
        while screen.peer.recv(1 << 20):
            pass
        screen.process.wait(30 * tool.PATIENCE)
        screen.reader.join(10 * tool.PATIENCE)
        return screen.process.returncode, screen.output

    def test_it_is_never_wider_than_the_terminal_also_after_a_change_of_size(self):
        screen = self.screen("--progress", columns=60)
        screen.process.stdin.write(b"x" * 1000)
        screen.process.stdin.flush()
        screen.peer.sendall(b"y" * 1000)
        screen.wait_for_updates(2)
        wide = max(map(len, updates(screen.output)))
        set_width(screen.master, 20)
        before = len(updates(screen.output))
        screen.wait_for_updates(before + 3)
        narrow = max(map(len, updates(screen.output)[before + 1:]))
        screen.finish()
        self.assertLessEqual(wide, 59)
        self.assertGreater(wide, 20)
        self.assertLessEqual(narrow, 19)

    def test_a_terminal_that_stdin_or_stdout_is_as_well_is_left_alone(self):
        for shared, name, free in ((0, "stdin", "--recv-only"), (1, "stdout", "--send-only")):
            for when in ("--progress", "--progress=always"):
                with self.subTest(shared=name, when=when):
                    screen = self.screen(when, share=[shared])
                    screen.peer.sendall(b"answer\n")
                    screen.peer.shutdown(socket.SHUT_WR)
                    if shared == 1:
                        screen.process.stdin.close()
                    while screen.peer.recv(1 << 16):
                        pass
                    screen.process.wait(30 * tool.PATIENCE)
                    screen.reader.join(10 * tool.PATIENCE)
                    self.assertIn(f"note no progress is shown: {name} is the same terminal",
                                  screen.output)
                    self.assertNotIn(ERASE, screen.output)
            with self.subTest(free=free):
                screen = self.screen("--progress", free, share=[shared])
                screen.wait_for_updates(2)
                self.assertNotIn("note", screen.output)

    def test_a_terminal_without_escape_sequences_gets_lines_if_always_else_nothing(self):
        screen = self.screen("--progress=always", term="dumb")
        screen.wait_for(lambda output: re.search(r"^sent 0 bytes", output, re.MULTILINE), "line")
        screen.finish()
        self.assertNotIn("\x1b", screen.output)

    def test_a_terminal_that_was_stopped_does_not_stop_the_transfer(self):
        screen = self.screen("--progress", stdin=subprocess.PIPE)
        screen.wait_for_updates(1)
        termios.tcflow(screen.master, termios.TCOOFF)
        feeder = threading.Thread(target=self.feed, args=(screen.process.stdin, MUCH))
        feeder.start()
        got = 0
        while got < MUCH:
            got += len(screen.peer.recv(1 << 20))
        feeder.join()
        termios.tcflow(screen.master, termios.TCOON)
        self.assertEqual(0, screen.finish()[0])

    @staticmethod
    def feed(stdin, size):
        for _ in range(size >> 20):
            stdin.write(b"x" * (1 << 20))
        stdin.flush()

    def elsewhere(self, *args, until=None):
        """stderr on a pipe of a connection that lasts until it matches `until`."""
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                tool.connect(listener.getsockname()[1], *args, stdin=tool.PIPE) as process:
            with listener.accept()[0] as peer:
                peer.sendall(b"x")
                process.wait_for_stdout(b"x")
                if until:
                    process.wait_for(until)
                process.end_of_input()
            return process.finish()

    def test_elsewhere_there_is_a_line_each_time_if_always_and_nothing_otherwise(self):
        result = self.elsewhere("--progress=always", until=r"^received 1 byte.*\n(.*\n)*received 1")
        self.assert_ok(result)
        self.assertNotIn("\x1b", result.stderr)
        self.assertNotIn("\r", result.stderr)
        for args in (["--progress", "--timeout", "1500ms"],
                     ["--progress=always", "-q", "--timeout", "1500ms"]):
            with self.subTest(args), socket.create_server(("127.0.0.1", 0)) as listener:
                result = tool.run("connect", *args, "127.0.0.1", listener.getsockname()[1])
                self.assert_status(9, result)
                self.assert_no_stderr(r"^(sent|received) ", result)

    def test_with_json_it_is_an_object_a_second_wherever_stderr_goes(self):
        result = self.elsewhere("--progress", "--json",
                                until='"type":"progress"(.*\n)*.*"progress"')
        told = [json.loads(line) for line in result.stderr.splitlines()]
        told = [one for one in told if one["type"] == "progress"]
        self.assertGreaterEqual(told[1]["duration_ns"] - told[0]["duration_ns"], 1_000_000_000)
        self.assertEqual((0, 1), (told[0]["sent_bytes"], told[0]["received_bytes"]))

    def test_a_listener_shows_its_client(self):
        with tool.listen("--progress=always", stdin=tool.PIPE) as process:
            with socket.create_connection(("127.0.0.1", process.port)) as peer:
                peer.sendall(b"x")
                process.wait_for(r"^received 1 byte")
                process.end_of_input()
            self.assert_ok(process.finish())


if __name__ == "__main__":
    tool.main()
