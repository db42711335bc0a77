# SPDX-License-Identifier: MIT
"""Connections that end with RST: which are lost (status 8), which are not, and what was delivered.

A socket closed with unread data, or with a linger time of 0, sends RST instead of FIN.
"""

import contextlib
import os
import signal
import socket

import ends
import tool
from ends import closed, pair, reset, with_pair


class Reset(tool.TestCase):
    def assert_lost(self, result, **expected):
        self.assert_status(8, result)
        end = closed(result)
        expected = {"reset": True, "reason": "connection lost", **expected}
        if wrong := {name: end[name] for name in expected if end[name] != expected[name]}:
            self.fail(f"{wrong}, not {expected}{result}")
        self.assertEqual(1, len([o for o in ends.objects(result) if o["type"] == "error"]))

    @with_pair(stdin=tool.PIPE)
    def test_reset_at_once_is_a_lost_connection(self, process, peer):
        reset(peer)
        result = process.finish()
        self.assert_lost(result, sent_bytes=0, received_bytes=0, peer_fin=False)
        self.assert_stdout(b"", result)

    def test_reset_before_accept_is_a_lost_connection(self):
        with self.stopped_listener() as (process, connect):
            reset(connect())
            process.signal(signal.SIGCONT)
            self.assert_lost(process.finish(), received_bytes=0)

    @contextlib.contextmanager
    def stopped_listener(self, *args, **keywords):
        """A listening tcptool that is stopped: what clients do it sees all at once."""
        with tool.Tool("listen", "--json", *args, "127.0.0.1", 0, **keywords) as process:
            port = ends.listening_port(process)
            process.signal(signal.SIGSTOP)
            ends.wait_until(lambda: ends.process_state(process.pid) == "T", "SIGSTOP's effect")
            yield process, lambda: socket.create_connection(("127.0.0.1", port))

    @with_pair(stdin=tool.PIPE)
    def test_reset_after_part_of_the_answer_writes_that_part_and_fails(self, process, peer):
        peer.sendall(b"a" * 70000)
        ends.wait_until(lambda: len(process.stdout) == 70000, "70000 bytes on stdout")
        reset(peer)
        result = process.finish()
        self.assert_stdout(b"a" * 70000, result)
        self.assert_lost(result, received_bytes=70000, unwritten_bytes=0, peer_fin=False)

    def test_what_arrived_before_the_reset_is_written_although_it_was_read_after_it(self):
        with self.stopped_listener(stdin=tool.PIPE) as (process, connect):
            peer = connect()
            peer.sendall(b"the beginning of an answer")
            ends.wait_acknowledged(peer)
            reset(peer)
            process.signal(signal.SIGCONT)
            result = process.finish()
            self.assert_stdout(b"the beginning of an answer", result)
            self.assert_lost(result, received_bytes=26, peer_fin=False)

    def test_a_reset_behind_the_peers_fin_takes_nothing_from_a_whole_answer(self):
        for stdin in (tool.DEVNULL, tool.PIPE):
            with self.subTest(stdin=stdin), self.stopped_listener(stdin=stdin) as both:
                process, connect = both
                peer = connect()
                peer.sendall(b"a whole answer")
                peer.shutdown(socket.SHUT_WR)
                ends.wait_acknowledged(peer)
                reset(peer)
                process.signal(signal.SIGCONT)
                result = process.finish()
                self.assert_stdout(b"a whole answer", result)
                self.assert_ok(result)
                self.assertTrue(closed(result)["peer_fin"], result)
                self.assertTrue(closed(result)["reset"], result)

    @with_pair(stdin=tool.PIPE)
    def test_a_reset_after_fin_is_harmless_when_all_was_acknowledged(self, process, peer):
        process.send(b"read by the peer")
        self.assertEqual(b"read by the peer", ends.receive(peer, 16))
        peer.shutdown(socket.SHUT_WR)
        process.wait_for('"type":"peer-closed"')
        reset(peer)
        result = process.finish()
        self.assert_ok(result)
        end = closed(result)
        self.assertEqual((True, True, False, 0),
                         (end["peer_fin"], end["reset"], end["stdin_at_eof"],
                          end["undelivered_bytes"]), result)

    def test_the_text_says_that_stdin_was_not_at_its_end_and_how_it_ended(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with tool.connect(listener.getsockname()[1], stdin=tool.PIPE) as process:
                peer, _ = listener.accept()
                peer.shutdown(socket.SHUT_WR)
                process.wait_for("^peer has closed its side")
                reset(peer)
                result = process.finish()
        self.assert_ok(result)
        self.assert_stderr(r"^closed after .*peer first \(FIN\), then .*RST.*: sent 0 bytes.*, "
                           "stdin was not at its end$", result)
        self.assert_no_stderr("^tcptool: ", result)

    @with_pair(stdin=tool.PIPE)
    def test_bytes_for_a_peer_that_has_closed_wholly_are_lost_and_counted(self, process, peer):
        peer.close()
        process.wait_for('"type":"peer-closed"')
        process.send(b"late")
        result = process.finish()
        self.assert_lost(result, sent_bytes=4, undelivered_bytes=4, peer_fin=True,
                         first_to_close="peer")

    @with_pair("--keepalive", "1,1,5", stdin=tool.PIPE)
    def test_keepalive_probes_find_a_peer_that_has_closed_wholly(self, process, peer):
        # Its kernel forgets the connection a second after its FIN, not a minute.
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 1)
        peer.close()
        process.wait_for('"type":"peer-closed"')
        result = process.finish()
        self.assert_ok(result)
        end = closed(result)
        self.assertEqual((True, True, False),
                         (end["peer_fin"], end["reset"], end["stdin_at_eof"]), result)

    def test_a_silent_stdin_after_the_peers_fin_has_keepalive_switched_on(self):
        with pair("-v", stdin=tool.PIPE) as (process, peer):
            peer.shutdown(socket.SHUT_WR)
            process.wait_for('"type":"stdin-silent"')
            calls = [o for o in map(ends.json.loads, process.stderr.splitlines())
                     if "SO_KEEPALIVE" in str(o)]
            self.assertEqual(1, len(calls), process.stderr)
            process.end_of_input()
            self.assert_ok(process.finish())

    @with_pair(stdin=tool.PIPE)
    def test_a_peer_that_closes_with_our_bytes_unread_has_reset_the_connection(self, process, peer):
        process.send(b"nobody reads this")
        ends.wait_unread(peer, 17)
        peer.sendall(b"goodbye")
        process.wait_for_stdout(b"goodbye")
        peer.close()
        result = process.finish()
        self.assert_stdout(b"goodbye", result)
        # Acknowledged by its kernel, so not undelivered; but the answer may be cut.
        self.assert_lost(result, sent_bytes=17, received_bytes=7, undelivered_bytes=0)

    def test_undelivered_bytes_are_those_that_the_peers_kernel_never_took(self):
        size = 150_000
        for read_first in (0, 1, 4097):
            with self.subTest(read_first=read_first), \
                    socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                port = listener.getsockname()[1]
                with tool.connect(port, "--json", "-o", "SO_SNDBUF=16k",
                                  stdin=tool.PIPE) as process:
                    peer, _ = listener.accept()
                    process.send(b"u" * size)
                    ends.wait_until(lambda p=process: ends.unread(p.process.stdin) == 0,
                                    "tcptool having read all of stdin")
                    got = len(ends.receive(peer, read_first))
                    got += ends.settled(lambda s=peer: ends.unread(s))
                    reset(peer)
                    result = process.finish()
                self.assert_lost(result, undelivered_bytes=size - got)
                self.assertLess(got, size)
                text = ends.of_type(result, "error")["message"]
                self.assertIn(f"not delivered, {got} bytes were", text)

    @with_pair(stdin=b"z" * tool.bulk(8_000_000))
    def test_a_large_upload_that_is_reset_in_the_middle_is_never_a_success(self, process, peer):
        ends.receive(peer, tool.bulk(1_000_000))
        reset(peer)
        result = process.finish()
        self.assert_status(8, result)
        end = closed(result)
        # A slow writer may have had everything acknowledged that it had read so far.
        self.assertTrue(end["undelivered_bytes"] > 0 or not end["stdin_at_eof"])
        self.assertTrue(end["reset"])

    def test_reset_while_the_last_bytes_wait_behind_both_fins_is_a_loss(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            port = listener.getsockname()[1]
            with tool.connect(port, "--json", stdin=b"w" * 60000) as process:
                peer, _ = listener.accept()
                peer.shutdown(socket.SHUT_WR)
                ends.wait_until(lambda: not process.reads_stdout(), "the peer's FIN")
                got = ends.settled(lambda: ends.unread(peer))
                reset(peer)
                result = process.finish()
        self.assert_lost(result, undelivered_bytes=60000 - got, peer_fin=True)

    @with_pair("--send-only", stdin=b"s" * tool.bulk(8_000_000))
    def test_send_only_fails_when_the_peer_resets_before_all_is_acknowledged(self, process, peer):
        ends.receive(peer, 1000)
        reset(peer)
        self.assert_status(8, process.finish())

    @with_pair("--recv-only")
    def test_recv_only_fails_when_the_peer_resets_instead_of_closing(self, process, peer):
        peer.sendall(b"half an")
        process.wait_for_stdout(b"half an")
        reset(peer)
        self.assert_lost(process.finish(), received_bytes=7)

    def test_quiet_keeps_the_failures_line_and_status(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with tool.connect(listener.getsockname()[1], "-q", stdin=tool.PIPE) as process:
                reset(listener.accept()[0])
                result = process.finish()
        self.assert_status(8, result)
        self.assertRegex(result.stderr,
                         r"\Atcptool: connect 127\.0\.0\.1:\d+: connection lost .*RST.*\n\Z")

    def test_closed_stdin_pipe_is_not_left_with_a_hanging_writer(self):
        read_end, write_end = os.pipe()
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, write_end)
            with pair(stdin=read_end) as (process, peer):
                os.close(read_end)
                reset(peer)
                self.assert_lost(process.finish())
            with self.assertRaises(BrokenPipeError):
                os.write(write_end, b"x")


if __name__ == "__main__":
    tool.main()
