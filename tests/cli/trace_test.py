# SPDX-License-Identifier: MIT
"""--trace and its kin: where the trace goes, in which form, and what becomes of a bad file."""

import fcntl
import json
import os
import re
import resource
import threading

import ends
import tool


class Trace(tool.TestCase):
    def refused(self, *args, **keywords):
        with tool.refusing_port() as port:
            return tool.run("connect", *args, "127.0.0.1", port, **keywords)

    def traced(self, *args):
        """The lines of the trace file of a refused connection, and the Result."""
        path = f"{self.tmp}/trace"
        result = self.refused("--trace", path, *args)
        with open(path, encoding="ascii") as lines:
            return lines.read().splitlines(), result

    def test_a_file_has_json_lines_behind_a_header(self):
        lines, result = self.traced()
        self.assert_status(6, result)
        objects = [json.loads(line) for line in lines]
        self.assertEqual("start", objects[0]["type"])
        self.assertEqual({"call", "tcp"}, {entry["type"] for entry in objects[1:]})
        self.assertIn("connect", [entry.get("call") for entry in objects[1:]])
        times = [entry["time_ns"] for entry in objects[1:]]
        self.assertEqual(sorted(times), times)
        self.assert_no_stderr(r"^\{| = ", result)

    def test_each_format_is_what_it_says(self):
        for name, pattern in (("text", r" connect(sockfd="), ("strace", "connect("),
                              ("json", '"call":"connect"'), ("summary", "  connect")):
            with self.subTest(name):
                lines, _ = self.traced("--trace-format", name)
                self.assertTrue(any(pattern in line for line in lines), lines)
                self.assertTrue(lines[0].startswith("{" if name == "json" else "# tcptool "))

    def test_the_summary_counts_every_call_and_error(self):
        lines, result = self.traced("-v", "--trace-format", "summary")
        total = lines[-1].split()
        calls = [line for line in result.stderr.splitlines() if re.search(r"\) = .* <.*>$", line)]
        self.assertEqual([str(len(calls)), str(sum(") = -1 " in line for line in calls))],
                         total[:2])
        self.assertEqual("total", total[-1])

    def test_on_stderr_and_in_a_file_at_once(self):
        lines, result = self.traced("-v")
        self.assert_stderr(r"^ +\d+\.\d+ -> connect\(sockfd", result)
        self.assertIn('"call":"connect"', "\n".join(lines))

    def test_dash_is_stderr(self):
        result = self.refused("--trace", "-", "--trace-format", "strace")
        self.assert_stderr(r"^connect\(\d+, \{sa_family=AF_INET, ", result)
        result = self.refused("--trace", "-", "--json")
        self.assertIn("connect", [entry.get("call") for entry in ends.objects(result)])

    def test_a_filter_leaves_calls_out(self):
        lines, _ = self.traced("--trace-filter", "errors")
        self.assertTrue(all('"errno"' in line for line in lines[1:]), lines)
        lines, _ = self.traced("--trace-filter", "network")
        objects = [json.loads(line) for line in lines[1:]]
        names = {entry["call"] for entry in objects if entry["type"] == "call"}
        self.assertIn("socket", names)
        self.assertFalse(names & {"close", "poll", "read", "fcntl", "sigaction"}, names)

    def test_a_file_that_cannot_be_opened_is_a_usage_error(self):
        for path, errno in ((f"{self.tmp}/no/file", "ENOENT"), (self.tmp, "EISDIR")):
            self.assert_usage(rf"^tcptool: open .*\({errno}\)$", self.refused("--trace", path))

    def test_a_fifo_without_a_reader_is_a_usage_error(self):
        path = f"{self.tmp}/fifo"
        ends.make_fifo(path)
        self.assert_usage(r"\(ENXIO\): nobody reads this FIFO yet", self.refused("--trace", path))

    def test_bad_values_and_combinations_are_usage_errors(self):
        for args, pattern in ((["--trace-format", "xml", "-v"], "'xml' is none of text, strace"),
                              (["--trace-filter", "x", "-v"], "'x' is none of all, network"),
                              (["--trace-limit", "-1", "--trace", "x"], "--trace-limit"),
                              (["--trace", ""], "--trace"),
                              (["--trace-format", "text"], "needs a trace: -v or --trace FILE"),
                              (["--trace-filter", "errors"], "needs a trace"),
                              (["--trace-limit", "1M", "-v"], "give --trace FILE"),
                              (["--trace-limit", "1M", "--trace", "-"], "bounds a file"),
                              (["-v", "--trace", "-"], "both the trace on stderr"),
                              (["--json", "-v", "--trace-format", "text"], "--trace FILE")):
            with self.subTest(args):
                self.assert_usage(pattern, tool.run("connect", *args, "127.0.0.1", 9))

    def test_a_limit_ends_the_trace_and_not_the_run(self):
        path = f"{self.tmp}/trace"
        with tool.listen() as listener:
            client = tool.run("connect", "--trace", path, "--trace-limit", "4k", "127.0.0.1",
                              listener.port, stdin=b"x" * 1_000_000)
            listener.finish()
        self.assert_ok(client)
        self.assert_stderr(r"^note trace .*: tracing ends here, at 4096 bytes \(--trace-limit\)",
                           client)
        self.assertLessEqual(os.path.getsize(path), 4096)
        self.assertGreater(os.path.getsize(path), 3500)
        with open(path, encoding="ascii") as lines:
            told = [json.loads(line) for line in lines]
        self.assertEqual({"type": "limit", "bytes": 4096}, told[-1])

    def full_disk(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    def test_a_full_disk_is_said_once_and_is_the_status_of_a_run_that_is_otherwise_well(self):
        path = f"{self.tmp}/trace"
        with tool.listen() as listener:
            client = tool.run("connect", "--trace", path, "127.0.0.1", listener.port,
                              stdin=b"x" * 1_000_000, preexec_fn=self.full_disk)
            server = listener.finish()
        self.assert_status(10, client)
        self.assertEqual(1_000_000, server.size)
        self.assertEqual(1, client.stderr.count("tracing ends here"), client)
        self.assert_stderr(r"^tcptool: trace .*: write: file too large \(EFBIG\)", client)
        self.assert_stderr(r"^closed after ", client)
        result = self.refused("--trace", path, preexec_fn=self.full_disk)
        self.assert_status(6, result)

    def test_a_stuck_reader_does_not_stall_the_run_and_what_is_lost_is_counted(self):
        path = f"{self.tmp}/fifo"
        ends.make_fifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
            with ends.pair("--trace", path, stdin=tool.PIPE) as (process, peer):
                for _ in range(6000):
                    process.send(b"x")
                    peer.sendall(peer.recv(1))
                process.end_of_input()
                peer.close()
                result = process.finish()
        finally:
            os.close(reader)
        self.assert_ok(result)
        self.assertEqual(6000, result.size)
        notes = [entry["note"] for entry in ends.objects(result) if entry["type"] == "note"]
        self.assertRegex(notes[0], r"^trace .*: \d{4,} lines lost, since its reader was too slow$")

    def test_a_slow_reader_gets_what_was_lost_told_where_it_was(self):
        path = f"{self.tmp}/fifo"
        ends.make_fifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        got = []

        def read_all():
            while chunk := os.read(reader, 65536):
                got.append(chunk)

        with ends.pair("--trace", path, stdin=tool.PIPE) as (process, peer):
            for number in range(12000):
                if number == 9000:
                    thread = threading.Thread(target=read_all)
                    thread.start()
                process.send(b"x")
                peer.sendall(peer.recv(1))
            process.end_of_input()
            peer.close()
            result = process.finish()
        thread.join()
        os.close(reader)
        self.assert_ok(result)
        objects = [json.loads(line) for line in b"".join(got).splitlines()]
        lost = [entry["lines"] for entry in objects if entry["type"] == "lost"]
        self.assertTrue(lost)
        note = next(entry["note"] for entry in ends.objects(result) if entry["type"] == "note")
        self.assertIn(f" {sum(lost)} lines lost", note)
        self.assertEqual("close", objects[-1]["call"])

    def test_a_fifo_whose_reader_goes_is_said_and_survived(self):
        path = f"{self.tmp}/fifo"
        ends.make_fifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with ends.pair("--trace", path, stdin=tool.PIPE) as (process, peer):
            process.send(b"x")
            peer.recv(1)
            os.close(reader)
            process.send(b"y")
            self.assertEqual(b"y", peer.recv(1))
            process.end_of_input()
            peer.close()
            result = process.finish()
        self.assert_status(10, result)
        self.assertIn("EPIPE", ends.of_type(result, "error")["message"])


if __name__ == "__main__":
    tool.main()
