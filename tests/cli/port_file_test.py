# SPDX-License-Identifier: MIT
"""--port-file: the port's number, once listening, in a file of any kind; gone at the end."""

import contextlib
import os
import signal
import socket
import stat

import ends
import tool


class PortFile(tool.TestCase):
    def setUp(self):
        self.path = os.path.join(self.tmp, "port")

    @contextlib.contextmanager
    def listening(self, path=None, **keywords):
        with tool.Tool("listen", "--port-file", path or self.path, "127.0.0.1", 0,
                       **keywords) as process:
            process.port = int(process.wait_for(r"^listening on 127\.0\.0\.1:(\d+)")[1])
            yield process

    def number(self):
        """What the file holds, once it is there."""
        ends.wait_until(lambda: os.path.exists(self.path), self.path)
        with open(self.path, encoding="ascii") as file:
            return file.read()

    def finish(self, process):
        socket.create_connection(("127.0.0.1", process.port)).close()
        result = process.finish()
        self.assert_ok(result)
        return result

    def test_it_holds_the_number_alone_and_is_gone_at_the_end(self):
        with self.listening() as process:
            self.assertEqual(f"{process.port}\n", self.number())
            self.finish(process)
        self.assertEqual([], os.listdir(self.tmp))

    def test_whoever_sees_the_file_can_connect(self):
        with tool.Tool("listen", "-q", "--port-file", self.path, "127.0.0.1", 0) as process:
            port = int(self.number())
            socket.create_connection(("127.0.0.1", port)).close()
            self.assert_ok(process.finish())

    def test_an_old_file_is_replaced_whole(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("something older and longer\n")
        with self.listening() as process:
            ends.wait_until(lambda: self.number() == f"{process.port}\n", "the new number")
            self.finish(process)
        self.assertEqual([], os.listdir(self.tmp))

    def test_the_umask_is_respected(self):
        with self.listening(umask=0o027) as process:
            self.number()
            self.assertEqual(0o640, stat.S_IMODE(os.stat(self.path).st_mode))
            self.finish(process)

    def test_a_signal_removes_it_too(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name), self.listening() as process:
                self.number()
                process.signal(number)
                self.assert_signal(number, process.finish())
                self.assertEqual([], os.listdir(self.tmp))

    def test_a_signal_during_the_transfer_removes_it(self):
        with self.listening(stdin=tool.PIPE) as process:
            self.number()
            with socket.create_connection(("127.0.0.1", process.port)):
                process.wait_for("^accepted ")
                process.signal(signal.SIGTERM)
                self.assert_signal(signal.SIGTERM, process.finish())
        self.assertEqual([], os.listdir(self.tmp))

    def test_a_timeout_removes_it(self):
        result = tool.run("listen", "--port-file", self.path, "-w", "50ms", "127.0.0.1", 0)
        self.assert_status(9, result)
        self.assertEqual([], os.listdir(self.tmp))

    def test_a_port_in_use_leaves_nothing_behind_and_an_old_file_alone(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("1234\n")
        with socket.create_server(("127.0.0.1", 0)) as used:
            result = tool.run("listen", "--port-file", self.path, "127.0.0.1",
                              used.getsockname()[1])
        self.assert_status(4, result)
        self.assertEqual("1234\n", self.number())
        self.assertEqual(["port"], os.listdir(self.tmp))

    def test_a_fifo_is_written_as_it_is_and_stays(self):
        ends.make_fifo(self.path)
        with self.listening() as process:
            with open(self.path, encoding="ascii") as fifo:
                self.assertEqual(f"{process.port}\n", fifo.readline())
            self.finish(process)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path).st_mode))

    def test_a_fifo_that_is_read_before_is_written_too(self):
        ends.make_fifo(self.path)
        told = []
        reader = ends.in_thread(lambda: told.append(open_and_read_line(self.path)))
        with self.listening() as process:
            reader.join()
            self.assertEqual([f"{process.port}\n"], told)
            self.finish(process)

    def test_a_descriptor_is_written_as_it_is(self):
        read_end, write_end = os.pipe()
        with open(read_end, encoding="ascii") as pipe:
            with self.listening(f"/dev/fd/{write_end}", pass_fds=[write_end]) as process:
                os.close(write_end)
                self.assertEqual(f"{process.port}\n", pipe.readline())
                self.finish(process)

    def test_a_regular_file_behind_a_descriptor_is_written_and_not_removed(self):
        with open(self.path, "w+", encoding="ascii") as file:
            with self.listening(f"/dev/fd/{file.fileno()}", pass_fds=[file.fileno()]) as process:
                ends.wait_until(lambda: os.stat(self.path).st_size, "the number")
                self.assertEqual(f"{process.port}\n", self.number())
                self.finish(process)
        self.assertTrue(os.path.exists(self.path))

    def test_a_shared_file_behind_a_descriptor_is_written_at_its_position(self):
        with open(self.path, "wb", buffering=0) as file:
            file.write(b"before\n")
            with self.listening(f"/dev/fd/{file.fileno()}", pass_fds=[file.fileno()]) as process:
                ends.wait_until(lambda: os.stat(self.path).st_size > 7, "the number")
                file.write(b"after\n")
                self.assertEqual(f"before\n{process.port}\nafter\n", self.number())
                self.finish(process)

    def test_what_cannot_be_written_is_a_usage_error_before_there_is_a_socket(self):
        folder = os.path.join(self.tmp, "folder")
        os.mkdir(folder)
        for path, error in ((f"{self.tmp}/none/port", "ENOENT"), (folder, "EISDIR"),
                            ("/dev/fd/77", "ENOENT|ENXIO|EBADF"), (f"{self.path}/x", "ENOENT")):
            with self.subTest(path):
                result = tool.run("listen", "-v", "--port-file", path, "127.0.0.1", 0)
                self.assert_status(2, result)
                self.assert_stderr(rf"^tcptool: --port-file {path}: .*({error})", result)
                self.assert_no_stderr(r"\bsocket\(", result)

    def test_a_full_disk_is_a_local_failure(self):
        result = tool.run("listen", "--port-file", "/dev/full", "127.0.0.1", 0)
        self.assert_status(10, result)
        self.assert_stderr("^tcptool: --port-file /dev/full: .*ENOSPC", result)


def open_and_read_line(path):
    with open(path, encoding="ascii") as fifo:
        return fifo.readline()


if __name__ == "__main__":
    tool.main()
