# SPDX-License-Identifier: MIT
"""listen -- COMMAND: one process a connection, with the socket as its stdin and stdout."""

import contextlib
import os
import shutil
import signal
import socket
import unittest

import ends
import serve
import tool
from serve import clients, server, wait_accepted

# Without 32 and 33, libc's own, which posix_spawn(3) makes ignored; no program may use them.
LIBC_MASK = ~(0b11 << 31)
OURS = ("TCPLOCALIP", "TCPLOCALPORT", "TCPREMOTEIP", "TCPREMOTEPORT", "PROTO")


def answer_of(process, *given):
    """What a new client is sent until its FIN, once it has sent `given`; and what it was called."""
    with clients(process, 1) as (peer,):
        for data in given:
            peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        return ends.read_until_end(peer)[0], serve.name(peer)


def children(process):
    return tool.family(process.pid)[1:]


@unittest.skipIf(tool.WRAPPER, "valgrind 3.19 knows no pidfd_open, and no execve that fails")
class Command(tool.TestCase):
    def test_it_reads_and_writes_the_connection(self):
        with server(command=["tr", "a-z", "A-Z"]) as process:
            self.assertEqual(b"SHOUT\n", answer_of(process, b"shout\n")[0])
            self.assertEqual(b"AGAIN\n", answer_of(process, b"again\n")[0])

    def test_without_keep_open_one_client_is_the_run(self):
        for command, status in ((["cat"], 0), (["false"], 1), (["sh", "-c", "kill -9 $$"], 1)):
            with self.subTest(command=command), \
                    server(keep_open=False, command=command) as process:
                answer_of(process)
                result = process.finish()
            self.assert_status(status, result)
            end = ends.of_type(result, "command-ended")
            self.assertEqual({"cat": 0, "false": 1}.get(command[0]), end.get("exit_status"))
            self.assertEqual("SIGKILL" if command[0] == "sh" else None, end.get("signal"))

    def test_its_failure_is_told_without_calls_that_say_nothing_of_it(self):
        with tool.Tool("listen", "127.0.0.1", 0, "--", "sh", "-c", "kill -9 $$") as process:
            port = int(process.wait_for(r"^listening on 127\.0\.0\.1:(\d+)")[1])
            with socket.create_connection(("127.0.0.1", port)) as peer:
                tool.receive_all(peer)
            result = process.finish()
        self.assert_status(1, result)
        self.assert_stderr("tcptool: run sh: it was ended by SIGKILL", result)
        self.assert_no_stderr("the last ", result)

    def test_its_environment(self):
        for address, shown in (("127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "::1")):
            if ":" in address and not socket.has_ipv6:
                continue
            with self.subTest(address=address), \
                    tool.Tool("listen", "--json", "-k", address, 0, "--", "env",
                              env={"KEPT": "yes", "PROTO": "old"}) as process:
                port = ends.listening_port(process)
                with socket.create_connection((shown, port)) as peer:
                    variables = dict(line.split("=", 1) for line in
                                     tool.receive_all(peer).decode().splitlines() if "=" in line)
                    self.assertEqual((shown, str(port), shown, str(peer.getsockname()[1]), "TCP"),
                                     tuple(variables[name] for name in OURS))
                    self.assertEqual("yes", variables["KEPT"])

    def test_its_descriptors_signals_and_blocking_socket(self):
        script = ("import os,fcntl\n"
                  "print(sorted(int(f) for f in os.listdir('/proc/self/fd'))[:-1],"
                  "fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK)")
        # Python ignores signals itself: so a shell looks at what it was given, without a child.
        shell = ('while read -r key value; do case $key in SigBlk:|SigIgn:) echo "$key $value";; '
                 "esac; done </proc/$$/status")
        with server(command=["python3", "-c", script]) as process:
            listed = answer_of(process)[0].decode().splitlines()
        self.assertEqual("[0, 1, 2] 0", listed[0])
        with server(command=["sh", "-c", shell]) as process:
            masks = dict(line.split() for line in answer_of(process)[0].decode().splitlines())
        self.assertEqual({0}, {int(mask, 16) & LIBC_MASK for mask in masks.values()}, masks)

    def test_what_was_ignored_at_the_start_stays_so(self):
        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

        with server(preexec_fn=ignore, command=["grep", "SigIgn", "/proc/self/status"]) as process:
            mask = int(answer_of(process)[0].split()[1], 16) & LIBC_MASK
        self.assertEqual(1 << (signal.SIGHUP - 1), mask)

    def test_stderr_is_ours(self):
        with server(command=["sh", "-c", "echo for the log >&2"]) as process:
            answer_of(process)
            process.wait_for("^for the log$")

    def test_it_is_reaped_at_once_and_its_end_is_told(self):
        def ignore_children():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

        for preexec in (None, ignore_children):
            with self.subTest(preexec=preexec), \
                    server(preexec_fn=preexec, command=["sh", "-c", "exit 7"]) as process:
                _, name = answer_of(process)
                process.wait_for(rf'"type":"command-ended".*"peer":"{name}","exit_status":7,')
                self.assertEqual([], children(process))
                process.signal(signal.SIGTERM)
                end = serve.served(process.finish())
                self.assertEqual((0, 1), (end["complete"], end["failed"]))

    def test_many_at_once_without_a_zombie(self):
        # cat would tell of a reset on the stderr that it shares with us.
        with server(command=["sh", "-c", "exec cat 2>/dev/null"]) as process, \
                clients(process, 40) as peers:
            for number, peer in enumerate(peers):
                peer.sendall(b"%d" % number)
            for number, peer in enumerate(peers):
                self.assertEqual(b"%d" % number, ends.receive(peer, len(str(number))))
            self.assertEqual(40, len(children(process)))
            for number, peer in enumerate(peers):
                ends.reset(peer) if number % 3 == 0 else peer.close()
            ends.wait_until(lambda: not children(process), "the end of all children")
            process.signal(signal.SIGTERM)
            result = process.finish()
        self.assertEqual(40, len(ends.of_all(result, "command-ended")))
        self.assertEqual(40, serve.served(result)["accepted"])

    def test_max_clients_bounds_them(self):
        with server("-m", "1", command=["cat"]) as process, clients(process, 2) as (first, second):
            first.sendall(b"1")
            self.assertEqual(b"1", ends.receive(first, 1))
            second.sendall(b"2")
            ends.assert_idle(self, process.pid, 0.2)
            self.assertEqual(1, len(children(process)))
            first.close()
            self.assertEqual(b"2", ends.receive(second, 1))

    def test_one_that_is_not_there_is_refused_before_anything_is_opened(self):
        plain = ends.written(f"{self.tmp}/plain", "no program")
        for command, errno in (("/no/such/program", "ENOENT"), ("nosuchprogram", "ENOENT"),
                               (plain, "EACCES"), (self.tmp, "EACCES")):
            with self.subTest(command=command):
                result = tool.run("listen", "127.0.0.1", 0, "--", command)
                self.assert_status(2, result)
                self.assert_stderr(errno, result)
                self.assert_no_stderr("listening", result)

    def test_one_that_vanishes_while_running_is_a_line_and_the_next_client_is_served(self):
        path = shutil.copy(shutil.which("cat"), f"{self.tmp}/program")
        with server(command=[path]) as process:
            self.assertEqual(b"x", answer_of(process, b"x")[0])
            os.rename(path, f"{path}.away")
            with contextlib.suppress(ConnectionError):
                self.assertEqual(b"", answer_of(process)[0])
            process.wait_for("ENOENT")
            os.rename(f"{path}.away", path)
            self.assertEqual(b"y", answer_of(process, b"y")[0])
            process.signal(signal.SIGTERM)
            result = process.finish()
        self.assert_signal(signal.SIGTERM, result)
        self.assertEqual((2, 1), tuple(serve.served(result)[key] for key in ("complete", "lost")))

    def test_without_keep_open_one_that_cannot_be_run_is_a_failure(self):
        path = f"{self.tmp}/script"
        ends.written(path, "#!/no/such/interpreter\n")
        os.chmod(path, 0o755)
        with server(keep_open=False, command=[path]) as process:
            with contextlib.suppress(ConnectionError):
                answer_of(process)
            result = process.finish()
        self.assert_status(1, result)
        self.assertIn("ENOENT", result.stderr)
        self.assertNotIn("ended with status", result.stderr)

    def test_sigterm_lets_it_finish_and_ends_it_after_the_grace(self):
        with server("--grace", "500ms", command=["cat"]) as process, \
                clients(process, 2) as (finishing, staying):
            wait_accepted(process, finishing, staying)
            ends.wait_until(lambda: len(children(process)) == 2, "two commands")
            pids = children(process)
            process.signal(signal.SIGTERM)
            process.wait_for('"type":"winding-down"')
            finishing.sendall(b"rest")
            finishing.shutdown(socket.SHUT_WR)
            self.assertEqual((b"rest", False), ends.read_until_end(finishing))
            ends.read_until_end(staying)  # its command is ended by SIGTERM
            result = process.finish()
            ends.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids),
                            "the end of both commands")
        self.assert_signal(signal.SIGTERM, result)
        end = serve.served(result)
        self.assertEqual((2, 1, 1), (end["in_flight_at_signal"], end["finished_in_grace"],
                                     end["cut_short"]))
        self.assertEqual({None, "SIGTERM"},
                         {end.get("signal") for end in ends.of_all(result, "command-ended")})

    def test_one_that_fails_in_the_grace_has_finished_in_time(self):
        with server(command=["sh", "-c", "read line; exit 3"]) as process, \
                clients(process, 1) as (peer,):
            ends.wait_until(lambda: children(process), "the command")
            process.signal(signal.SIGTERM)
            process.wait_for('"type":"winding-down"')
            peer.sendall(b"go on\n")
            end = serve.served(process.finish())
        self.assertEqual((1, 1, 1, 0), (end["in_flight_at_signal"], end["finished_in_grace"],
                                        end["failed"], end["cut_short"]))

    def test_the_client_has_its_fin_once_the_command_has_closed_its_ends(self):
        with server(command=["sh", "-c", "echo all; exec >&- <&-; sleep 600"]) as process, \
                clients(process, 1) as (peer,):
            self.assertEqual((b"all\n", False), ends.read_until_end(peer))
            self.assertTrue(children(process))
            process.signal(signal.SIGINT)
            self.assertEqual(1, serve.served(process.finish())["cut_short"])

    def test_cut_short_it_is_reset_whichever_end_the_command_has_left(self):
        for given_up, left in (("</dev/null", 1), (">/dev/null", 0)):
            script = f"exec {given_up}; echo up >&{left}; exec sleep 600"
            with self.subTest(given_up=given_up), \
                    server(command=["sh", "-c", script]) as process, \
                    clients(process, 1) as (peer,):
                self.assertEqual(b"up\n", ends.receive(peer, 3))
                process.signal(signal.SIGINT)
                self.assertEqual((b"", True), ends.read_until_end(peer))

    @unittest.skipIf(ends.sanitized(), "it has descriptors of its own")
    def test_a_command_costs_one_descriptor_and_without_any_left_is_reset_all_the_same(self):
        few = 32
        with server(preexec_fn=serve.few_descriptors(few), command=["cat"]) as process, \
                clients(process, few) as peers:
            process.wait_for("EMFILE")
            self.assertGreater(ends.settled(lambda: len(children(process))), few // 2)
            process.signal(signal.SIGINT)
            for peer in peers:
                self.assertEqual((b"", True), ends.read_until_end(peer))

    def test_what_ignores_sigterm_is_killed_with_all_its_processes(self):
        # The inner shell outlives the outer one, which ends by SIGTERM.
        for script, kind in (("trap '' TERM; echo up; while :; do sleep 100; done", "killed"),
                             ("sh -c \"trap '' TERM; echo up; while :; do sleep 100; done\"; :",
                              "ended")):
            with self.subTest(script=script), \
                    server("--grace", "1ms", command=["sh", "-c", script]) as process, \
                    clients(process, 1) as (peer,):
                self.assertEqual(b"up\n", ends.receive(peer, 3))
                pids = children(process)
                process.signal(signal.SIGTERM)
                # Nobody has the connection any more, and its end is not called whole.
                self.assertEqual((b"", True), ends.read_until_end(peer))
                result = process.finish()
                ends.wait_until(lambda pids=pids: not any(os.path.exists(f"/proc/{pid}")
                                                          for pid in pids), "the end of all")
                self.assertEqual(1, len(ends.of_all(result, f"command-{kind}")))

    def test_waiting_for_a_command_costs_no_processor_time(self):
        with server(command=["cat"]) as process, clients(process, 3) as peers:
            wait_accepted(process, *peers)
            ends.assert_idle(self, process.pid)


if __name__ == "__main__":
    tool.main()
