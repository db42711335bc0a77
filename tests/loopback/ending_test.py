# SPDX-License-Identifier: MIT
"""How a run ends where nobody resets: FIN in every order, and what decides that all is delivered.

The peer is a raw socket that does one thing. Every case holds for both roles of tcptool.
"""

import socket

import ends
import tool
from ends import closed, pair, read_until_end, with_pair

SENT, RECEIVED, LINES = tool.bulk(5_000_011), tool.bulk(3_000_017), tool.bulk(1_000_000)


class Ending(tool.TestCase):
    def assert_closed(self, result, **expected):
        end = closed(result)
        if wrong := {name: end[name] for name in expected if end[name] != expected[name]}:
            self.fail(f"{wrong}, not {expected}{result}")

    @with_pair(stdin=b"question")
    def test_end_of_stdin_is_a_fin_and_receiving_goes_on_until_the_peers(self, process, peer):
        self.assertEqual((b"question", False), read_until_end(peer))
        peer.sendall(b"answer")
        process.wait_for_stdout(b"answer")  # it has not ended with its own FIN
        peer.close()
        result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"answer", result)
        self.assert_closed(result, reason="complete", first_to_close="this side", reset=False,
                           peer_fin=True, fin_sent=True, stdin_at_eof=True, sent_bytes=8,
                           received_bytes=6, undelivered_bytes=0, unwritten_bytes=0)

    @with_pair(stdin=tool.PIPE)
    def test_after_the_peers_fin_stdin_goes_on_being_sent_until_its_own_end(self, process, peer):
        peer.sendall(b"greeting")
        peer.shutdown(socket.SHUT_WR)
        process.wait_for('"type":"peer-closed"')
        process.send(b"late\n")
        self.assertEqual(b"late\n", peer.recv(100))
        process.send(b"later\n")
        self.assertEqual(b"later\n", peer.recv(100))
        self.assertIsNone(process.process.poll())
        process.end_of_input()
        self.assertEqual((b"", False), read_until_end(peer))
        result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"greeting", result)
        self.assert_closed(result, first_to_close="peer", sent_bytes=11, received_bytes=8,
                           stdin_at_eof=True)

    def test_a_pipeline_whose_first_byte_comes_after_the_peers_fin_is_delivered(self):
        gate = f"{self.tmp}/gate"
        ends.make_fifo(gate)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            script = f'(read go < {gate}; echo late) | "$@"'
            with tool.Tool("connect", "127.0.0.1", port,
                           under=["sh", "-c", script, "sh"]) as process:
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(10 * tool.PATIENCE)
                    peer.shutdown(socket.SHUT_WR)
                    process.wait_for("^peer has closed its side; still sending what stdin brings "
                                     r"\(--linger D ends after D of silence\)$")
                    with open(gate, "w", encoding="ascii") as go:
                        go.write("go\n")
                    self.assertEqual((b"late\n", False), read_until_end(peer))
                result = process.finish()
        self.assert_ok(result)
        self.assert_stderr(r"^closed after .*, peer first \(FIN\): sent 5 bytes, received 0 bytes",
                           result)

    @with_pair(stdin=tool.PIPE)
    def test_the_peers_fin_closes_stdout_while_stdin_goes_on(self, process, peer):
        peer.sendall(b"all of it")
        peer.shutdown(socket.SHUT_WR)
        ends.wait_until(lambda: not process.reads_stdout(), "the end of stdout")
        self.assertEqual(b"all of it", process.stdout)
        self.assertIsNone(process.process.poll())
        process.end_of_input()
        self.assert_ok(process.finish())

    @with_pair(stdin=tool.DEVNULL)
    def test_two_empty_streams_are_a_complete_run(self, process, peer):
        self.assertEqual((b"", False), read_until_end(peer))
        peer.close()
        result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"", result)
        self.assert_closed(result, reason="complete", sent_bytes=0, received_bytes=0,
                           first_to_close="this side")

    @with_pair(stdin=b"never read")
    def test_what_the_peers_kernel_acknowledged_counts_although_nobody_read_it(self, process, peer):
        ends.wait_unread(peer, 10)
        peer.shutdown(socket.SHUT_WR)
        result = process.finish()
        self.assert_ok(result)
        self.assert_closed(result, sent_bytes=10, undelivered_bytes=0)

    def test_payload_that_is_not_acknowledged_keeps_the_run_waiting_without_spinning(self):
        data = b"d" * 60000
        with socket.create_server(("127.0.0.1", 0)) as listener:
            # A small window, so that tcptool's kernel must keep most of it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            port = listener.getsockname()[1]
            with tool.connect(port, "--json", stdin=data) as process:
                peer, _ = listener.accept()
                with peer:
                    peer.shutdown(socket.SHUT_WR)
                    ends.wait_until(lambda: not process.reads_stdout(), "the peer's FIN")
                    ends.assert_idle(self, process.pid)
                    self.assertIsNone(process.process.poll())
                    self.assertEqual((data, False), read_until_end(peer))
                result = process.finish()
        self.assert_ok(result)
        self.assert_closed(result, sent_bytes=len(data), undelivered_bytes=0)

    @with_pair(stdin=b"s" * SENT, stdout=tool.HASH)
    def test_large_streams_in_opposite_directions_are_counted_exactly(self, process, peer):
        def send():
            peer.sendall(b"r" * RECEIVED)
            peer.shutdown(socket.SHUT_WR)
        sender = ends.in_thread(send)
        data, was_reset = read_until_end(peer)
        sender.join()
        self.assertEqual((SENT, False), (len(data), was_reset))
        result = process.finish()
        self.assert_ok(result)
        self.assertEqual(RECEIVED, result.size)
        self.assert_closed(result, sent_bytes=SENT, received_bytes=RECEIVED, undelivered_bytes=0,
                           unwritten_bytes=0)

    def test_the_text_says_who_closed_and_how_much_went(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with tool.connect(listener.getsockname()[1], stdin=b"m" * (1536 * 1024)) as process:
                peer, _ = listener.accept()
                with peer:
                    read_until_end(peer)
                    peer.sendall(b"12 bytes are")
                result = process.finish()
        self.assert_ok(result)
        self.assert_stderr(r"^closed after [\d.]+ (ms|s|us|µs), this side first \(FIN\): "
                           r"sent 1\.5 MiB, received 12 bytes, rtt [\d.]+ ", result)

    @with_pair("--send-only", stdin=tool.PIPE)
    def test_send_only_discards_what_arrives_and_ends_once_its_fin_is_acked(self, process, peer):
        peer.sendall(b"unwanted")
        process.send(b"wanted")
        self.assertEqual(b"wanted", peer.recv(100))
        ends.wait_acknowledged(peer)
        process.end_of_input()
        # The peer closes nothing, and it ends all the same.
        result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"", result)
        self.assert_closed(result, sent_bytes=6, first_to_close="this side",
                           undelivered_bytes=0)

    @with_pair("--send-only", stdin=tool.PIPE)
    def test_send_only_counts_what_it_discards(self, process, peer):
        peer.sendall(b"0123456789")
        peer.shutdown(socket.SHUT_WR)
        process.wait_for('"type":"peer-closed"')
        process.end_of_input()
        result = process.finish()
        self.assert_ok(result)
        self.assert_closed(result, received_bytes=10, unwritten_bytes=0)

    @with_pair("--recv-only", stdin=tool.PIPE)
    def test_recv_only_leaves_stdin_alone_and_sends_no_fin_before_the_peers(self, process, peer):
        process.send(b"not yours")
        process.end_of_input()
        peer.sendall(b"data")
        process.wait_for_stdout(b"data")
        self.assertEqual(1, ends.tcp_state(peer))  # ESTABLISHED: no FIN has come
        self.assertEqual(0, ends.unread(peer))
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual((b"", False), read_until_end(peer))
        result = process.finish()
        self.assert_ok(result)
        self.assert_closed(result, sent_bytes=0, received_bytes=4, first_to_close="peer")

    def test_recv_only_leaves_every_byte_of_stdin_for_the_next_program(self):
        path = f"{self.tmp}/words"
        with open(path, "wb") as words:
            words.write(b"still here")
        with open(path, "rb") as words:
            with pair("--recv-only", stdin=words) as (process, peer):
                peer.close()
                self.assert_ok(process.finish())
            self.assertEqual(b"still here", words.read())

    @with_pair("--no-half-close", stdin=b"question")
    def test_no_half_close_sends_no_fin_and_ends_when_the_peer_ends(self, process, peer):
        self.assertEqual(b"question", peer.recv(100))
        peer.sendall(b"answer")
        process.wait_for_stdout(b"answer")
        self.assertEqual(1, ends.tcp_state(peer))
        self.assertEqual(0, ends.unread(peer))
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual((b"", False), read_until_end(peer))
        result = process.finish()
        self.assert_ok(result)
        self.assert_closed(result, first_to_close="peer", sent_bytes=8, received_bytes=6)

    @with_pair("-N", stdin=b"x")
    def test_half_close_may_be_asked_for_although_it_is_the_default(self, process, peer):
        self.assertEqual((b"x", False), read_until_end(peer))
        peer.close()
        self.assert_ok(process.finish())

    @with_pair("-C", stdin=tool.PIPE)
    def test_crlf_is_added_to_lone_line_feeds_only_and_across_chunks(self, process, peer):
        process.send(b"a\nb\r")
        self.assertEqual(b"a\r\nb\r", ends.receive(peer, 5))
        process.send(b"\n\n")
        self.assertEqual(b"\n\r\n", ends.receive(peer, 3))
        process.end_of_input()
        peer.sendall(b"x\ny\r\n")
        peer.close()
        result = process.finish()
        self.assert_stdout(b"x\ny\r\n", result)

    @with_pair("--crlf", stdin=b"\n" * LINES)
    def test_crlf_makes_twice_the_size_of_line_feeds(self, process, peer):
        self.assertEqual((b"\r\n" * LINES, False), read_until_end(peer))
        peer.close()
        result = process.finish()
        self.assert_ok(result)
        self.assert_closed(result, sent_bytes=2 * LINES)


if __name__ == "__main__":
    tool.main()
