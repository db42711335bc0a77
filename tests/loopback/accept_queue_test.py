# SPDX-License-Identifier: MIT
"""The accept queue as it is shown (--hold, --watch), who may come in, and listeners handed over."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import unittest

import ends
import tool


def recv_q_and_send_q(port):
    """ss's figures of the listener: connections that wait, and the backlog."""
    listed = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True,
                            check=True).stdout
    return tuple(map(int, listed.split()[1:3]))


def client(port, stack, address="127.0.0.1"):
    """One that connects, or hangs, without waiting for either."""
    sock = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in address
                                             else socket.AF_INET))
    sock.setblocking(False)
    sock.connect_ex((address, port))
    return sock


def established(sock):
    return ends.tcp_state(sock) == 1


class Queue(tool.TestCase):
    def test_the_queue_is_what_ss_shows_and_is_drained_in_order(self):
        with contextlib.ExitStack() as stack:
            hold = f"{2 * tool.PATIENCE:g}"
            process = stack.enter_context(
                tool.listen("--hold", hold, "--watch=10ms", "-b", 1, "--recv-only"))
            process.wait_for("^queue 0/1$")
            process.wait_for(r"^holding: nobody is accepted for \d+\.\d s \(--hold\); ")
            clients = [client(process.port, stack) for _ in range(2)]
            ends.wait_until(lambda: all(map(established, clients)), "two connections")
            process.wait_for("^queue 2/1$")
            self.assertEqual((2, 1), recv_q_and_send_q(process.port))
            late = client(process.port, stack)
            process.wait_for("^queue 2/1, 1 segment dropped$")
            self.assertFalse(established(late))
            process.wait_for("^hold over: accepting, queue 2/1$")
            first = clients[0].getsockname()[1]
            process.wait_for(rf"^accepted 127\.0\.0\.1:{first} -> .* queue 1/1, SYN: ttl 64, mss "
                             r"\d+, .*window \d+\)$")
            clients[0].sendall(b"first")
            clients[0].close()
            result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"first", result)

    def test_an_overflow_is_explained_once_whether_or_not_anybody_watches(self):
        for watch in ((), ("--watch=10ms",)):
            with self.subTest(watch=watch), contextlib.ExitStack() as stack:
                process = stack.enter_context(tool.listen("--hold", "forever", "-b", 1, *watch))
                for _ in range(5):
                    client(process.port, stack)
                process.wait_for(r"^note accept queue overflow on 127\.0\.0\.1:\d+: queue 2/1, "
                                 r"\d+ segments? dropped$")
                process.wait_for(r"^  cause   the accept queue is full .* after 1, 3 and 7 s")
                process.wait_for(r"^  cause   .* nobody is accepted now \(--hold\); the SYNs")
                process.wait_for(r"^  try     a larger --backlog \(now 1\), or a shorter --hold$")
                ends.assert_idle(self, process.pid)
                process.signal(signal.SIGINT)
                result = process.finish()
                self.assert_signal(signal.SIGINT, result)
                self.assertEqual(1, result.stderr.count("note accept queue overflow"))
                self.assert_stderr("note 2 clients still in the accept queue are reset: ", result)
                self.assert_stderr(r"^listener closed: accepted 0, denied 0, deepest queue 2, "
                                   r"\d+ segments dropped, 2 reset in the accept queue$", result)

    def test_what_tcp_defer_accept_drops_by_design_is_no_overflow(self):
        with tool.listen("--watch=10ms", "-o", "TCP_DEFER_ACCEPT=9s", "--recv-only") as process, \
                socket.create_connection(("127.0.0.1", process.port)) as peer:
            process.wait_for(r"^queue 0/\d+, 1 segment dropped$")
            peer.sendall(b"first")
            process.wait_for_stdout(b"first")
            peer.close()
            result = process.finish()
        self.assert_ok(result)
        self.assert_no_stderr("^note (segments|accept)", result)

    def test_json_has_the_figures(self):
        path = os.path.join(self.tmp, "port")
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(tool.Tool(
                "listen", "--json", "--hold", "1s", "--watch=10ms", "-b", 1, "-w", "1ms",
                "--port-file", path, "127.0.0.1", 0))
            result = process.finish()
        self.assert_status(9, result)
        self.assertEqual({"type": "queue", "length": 0, "limit": 1, "dropped": 0},
                         ends.of_type(result, "queue"))
        self.assertEqual(1_000_000_000, ends.of_type(result, "hold")["duration_ns"])
        self.assert_stderr("nobody is accepted meanwhile", result)

    def test_a_clamped_backlog_points_at_somaxconn(self):
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            most = int(file.read())
        with tool.listen("-b", most + 1, "--watch", "-w", "1ms") as process:
            self.assert_stderr(f"^queue 0/{most}$", process.finish())


class Rules(tool.TestCase):
    def denied(self, port, address="127.0.0.1"):
        """Connects and finds itself reset."""
        with self.assertRaises(ConnectionError):
            with socket.create_connection((address, port), 10) as sock:
                self.assertEqual(b"", sock.recv(1) or self.fail("FIN, not RST"))

    def test_a_denied_client_is_reset_and_is_not_the_one_connection(self):
        with tool.listen("--allow", "127.0.0.0/8", "--deny", "127.0.0.1") as process:
            self.denied(process.port)
            process.wait_for(r"^denied 127\.0\.0\.1:\d+ by --deny 127\.0\.0\.1/32; reset$")
            with socket.socket() as allowed:
                allowed.bind(("127.0.0.2", 0))
                allowed.connect(("127.0.0.1", process.port))
                process.wait_for(r"^accepted 127\.0\.0\.2:")
            self.assert_ok(process.finish())

    def test_denied_clients_do_not_put_off_the_end_of_the_wait(self):
        with tool.listen("--allow", "192.0.2.0/24", "-w", "1s") as process:
            self.denied(process.port)
            self.denied(process.port)
            result = process.finish()
        self.assert_status(9, result)
        self.assert_stderr(r"^denied 127\.0\.0\.1:\d+: no --allow matches; reset$", result)
        self.assert_stderr(r"^tcptool: listen .*: no client within 1\.0 s", result)
        self.assert_stderr(r"^listener closed: accepted 0, denied 2, deepest queue [12]", result)

    def test_an_ipv4_client_of_the_dual_stack_socket_is_an_ipv4_client(self):
        with tool.listen("--deny", "127.0.0.0/8", address=None) as process:
            self.denied(process.port)
            process.wait_for(r"^denied 127\.0\.0\.1:")

    def test_a_bad_network_is_a_usage_error_before_anything_is_opened(self):
        for text, said in (("10.0.0.1/8", r"--allow: .*say 10\.0\.0\.0/8, or 10\.0\.0\.1 for"),
                           ("10.0.0.0/33", "0 to 32 bits"), ("example.org", "is no network")):
            self.assert_usage(said, tool.run("listen", "--allow", text, 0))


class Descriptors(tool.TestCase):
    @unittest.skipIf(tool.WRAPPER, "the wrapper has descriptors of its own")
    def test_without_a_descriptor_clients_wait_and_nothing_spins(self):
        with tool.listen("--recv-only") as process, contextlib.ExitStack() as stack:
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            limit = 1 + max(map(int, os.listdir(f"/proc/{process.pid}/fd")))
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, hard))
            waiting = client(process.port, stack)
            process.wait_for(r"^note accept4 .*: too many open files \(EMFILE\): accepting pauses")
            process.wait_for(rf"^  cause   .* RLIMIT_NOFILE is {limit}$")
            ends.assert_idle(self, process.pid)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
            process.wait_for("^accepted ")
            waiting.sendall(b"here")
            waiting.close()
            result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"here", result)


class HandedOver(tool.TestCase):
    """Socket activation: the listener is descriptor 3."""

    def start(self, handed, *args, count=1, pid="$$"):
        """tcptool with this socket as descriptor 3."""
        script = f'exec 3<&{handed.fileno()}; LISTEN_FDS={count} LISTEN_PID={pid} exec "$@"'
        return tool.Tool("listen", *args, under=("sh", "-c", script, "sh"),
                         pass_fds=[handed.fileno()])

    def test_the_listener_is_used_and_its_flags_are_left_alone(self):
        for blocking in (True, False):
            with self.subTest(blocking=blocking), socket.create_server(
                    ("127.0.0.1", 0), backlog=5) as server:
                server.setblocking(blocking)
                port = server.getsockname()[1]
                with self.start(server, "--recv-only") as process:
                    process.wait_for(rf"^listening on 127\.0\.0\.1:{port}, backlog 5, handed over "
                                     r"\(LISTEN_FDS\)$")
                    with socket.create_connection(("127.0.0.1", port)) as sock:
                        process.wait_for("^accepted .* SYN: ttl 64")
                        self.assertEqual(blocking, os.get_blocking(server.fileno()))
                        sock.sendall(b"handed over")
                    result = process.finish()
                self.assert_ok(result)
                self.assert_stdout(b"handed over", result)

    def test_a_port_beside_it_or_a_second_one_is_a_usage_error(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            for args, count, said in (((9000,), 1, "leave address, port and family out"),
                                      ((), 2, "hands over 2 sockets")):
                with self.start(server, *args, count=count) as process:
                    self.assert_usage(said, process.finish())

    def test_one_for_another_process_is_none(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            with self.start(server, pid=1) as process:
                self.assert_usage("which port", process.finish())
            with self.start(server, "-w", "1ms", "127.0.0.1", 0, pid=1) as process:
                self.assert_status(9, process.finish())

    def test_what_is_no_tcp_listener_is_refused(self):
        with socket.socket() as deaf, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
                open("/dev/null", encoding="ascii") as file:
            for handed in (deaf, udp, file):
                with self.start(handed) as process:
                    self.assert_usage(r"LISTEN_FDS descriptor 3: no TCP socket that listens",
                                      process.finish())


if __name__ == "__main__":
    tool.main()
