# SPDX-License-Identifier: MIT
"""The examples of the manual page work."""

import concurrent.futures
import os
import re
import signal
import subprocess
import threading

import tool
import tree

PAGE = "man/tcptool.1"
MARK = re.compile(r'\.\\" TEST ([\w-]+):(.*)')


def examples(page):
    """name -> (commands, {text: placeholder}) of each block in EXAMPLES; and what is wrong."""
    blocks, wrong, mark = {}, [], None
    lines = iter(tree.section(page, "EXAMPLES").split("\n"))
    for line in lines:
        if found := MARK.match(line):
            mark = found
        elif line.startswith(".Bd"):
            body = []
            while (line := next(lines)) != ".Ed":
                body.append(line.replace("\\e", "\\"))
            if not mark:
                wrong.append(f"no TEST mark: {body[0]}")
                continue
            wrong += [f"{mark[1]}: neither $ nor >: {text}" for text in body
                      if text[:2] not in ("$ ", "> ")]
            swaps = dict(pair.split("=") for pair in mark[2].split())
            script = "\n".join(text[2:] for text in body)
            wrong += [f"{mark[1]}: no {text} in it" for text in swaps if text not in script]
            blocks[mark[1]], mark = (script, swaps), None
    return blocks, wrong


class Example:
    """One block of the page, run by sh in `folder`; it never outlives the test."""

    def __init__(self, test, name, folder, stdin=b"", **values):
        script, swaps = examples(test.texts[PAGE])[0][name]
        for text, placeholder in swaps.items():
            script = script.replace(text, str(values[placeholder]))
        programs = os.path.join(test.tmp, "bin")
        if not os.path.isdir(programs):
            os.mkdir(programs)
            os.symlink(tool.TCPTOOL, os.path.join(programs, "tcptool"))
        env = tool.environment({"PATH": f"{programs}:{os.environ['PATH']}"})
        self.script, self.stdin, self.seen = script, stdin, b""
        self.process = subprocess.Popen(
            ["sh", "-c", script], cwd=folder, env=env, stdin=tool.PIPE, stdout=tool.PIPE,
            stderr=tool.PIPE, start_new_session=True)
        watch = threading.Timer(60 * tool.PATIENCE, self.kill)
        watch.start()
        test.addCleanup(self.end, watch)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)

    def end(self, watch):
        watch.cancel()
        if self.process.poll() is None:
            self.kill()
        self.process.communicate()

    def terminate(self):
        os.killpg(self.process.pid, signal.SIGTERM)

    def wait_for(self, text):
        """Reads stderr up to the line that holds `text`."""
        while text not in (line := self.process.stderr.readline()):
            if not line:
                raise tool.Failure(f"{self.script}\nended without {text!r}:\n{self.seen}")
            self.seen += line
        self.seen += line

    def finish(self):
        stdout, stderr = self.process.communicate(self.stdin)
        return tool.Result(self.process.returncode, stdout, (self.seen + stderr).decode(),
                           len(stdout), "", ["sh", "-c", self.script])


class Examples(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = tree.files()

    def test_every_example_has_a_test(self):
        blocks, wrong = examples(self.texts[PAGE])
        self.assert_none(wrong)
        with open(__file__, encoding="utf-8") as file:
            tried = set(re.findall(r'self\.(?:example|listening)\("([\w-]+)"', file.read()))
        self.assertEqual(sorted(blocks), sorted(tried))

    def test_what_is_no_example_is_found(self):
        page = self.texts[PAGE]
        for old, new in (('.\\" TEST wait: 5432=PORT\n', ""), ("$ tcptool connect -z -", "! tcp"),
                         ("TEST http: 8000=", "TEST http: 8001=")):
            self.assertIn(old, page)
            self.assertNotEqual([], examples(page.replace(old, new, 1))[1], old)

    def example(self, name, folder=None, **values):
        return Example(self, name, folder or self.tmp, **values)

    def test_two_terminals(self):
        port = tool.free_port()
        listening = self.example("talk-listen", stdin=b"from the listener\n", PORT=port)
        listening.wait_for(b"listening on ")
        connected = self.example("talk-connect", stdin=b"from the client\n", PORT=port)
        listened, result = self.both(listening, connected)
        self.assert_stdout(b"from the listener\n", result)
        self.assert_stdout(b"from the client\n", listened)

    def both(self, listening, connected):
        """Ends two that wait for each other's FIN."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            results = [end.result() for end in [pool.submit(listening.finish),
                                                pool.submit(connected.finish)]]
        for result in results:
            self.assert_ok(result)
        return results

    def test_folder(self):
        port = tool.free_port()
        here, there = (os.path.join(self.tmp, name) for name in ("here", "there"))
        os.makedirs(os.path.join(here, "folder"))
        os.mkdir(there)
        digest = tool.random_file(os.path.join(here, "folder", "file"), 3_000_000)
        listening = self.example("tar-listen", there, PORT=port)
        listening.wait_for(b"listening on ")
        self.both(listening, self.example("tar-connect", here, HOST="localhost", PORT=port))
        with open(os.path.join(there, "folder", "file"), "rb") as file:
            self.assertEqual((3_000_000, digest), tool.sha256_of(file))

    def test_http(self):
        def serve(connection, _):
            self.assertEqual(b"GET / HTTP/1.0\r\n\r\n", tool.receive_all(connection))
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\npage\n")

        with tool.python_server(serve) as port:
            for example in (self.example("http", PORT=port), self.example("http-crlf", PORT=port)):
                result = example.finish()
                self.assert_ok(result)
                self.assert_stdout(b"HTTP/1.0 200 OK\r\n\r\npage\n", result)

    def test_ports(self):
        with tool.refusing_port() as refused, tool.python_server(lambda *_: None) as port:
            result = self.example("ports", PORTS=f"{port},{refused}").finish()
        self.assert_status(6, result)
        self.assert_stderr(rf"^open \S+:{port}  \(handshake ", result)
        self.assert_stderr(rf"^tcptool: connect .*:{refused}\S*: .*connection refused", result)

    def test_waiting_for_a_port(self):
        port = tool.free_port()
        waiting = self.example("wait", PORT=port)
        waiting.wait_for(b"try 1: ")
        with tool.Tool("listen", port) as listening:
            self.assert_ok(waiting.finish())
            self.assert_ok(listening.finish())

    def listening(self, name, **values):
        """An example that listens, and its port."""
        port = tool.free_port()
        example = self.example(name, PORT=port, **values)
        example.wait_for(b"listening on ")
        return example, port

    def test_collecting_lines(self):
        listening, port = self.listening("keep-open")
        for line in (b"one\n", b"two\n"):
            self.assert_ok(tool.run("connect", "localhost", port, stdin=line))
            listening.wait_for(b"closed ")
        listening.terminate()
        self.assert_stderr("^served 2 clients", listening.finish())
        with open(os.path.join(self.tmp, "lines"), encoding="ascii") as file:
            self.assertEqual("one\ntwo\n", file.read())

    def test_a_command_for_each_connection(self):
        listening, port = self.listening("command")
        for _ in range(2):
            self.assert_stdout(b"you are 127.0.0.1\n", tool.run("connect", "127.0.0.1", port))
        listening.terminate()
        listening.finish()

    def test_echo(self):
        listening, port = self.listening("echo")
        self.assert_stdout(b"hello\n", tool.run("connect", "localhost", port, stdin=b"hello\n"))
        listening.terminate()
        listening.finish()

    def test_letting_a_network_in(self):
        listening, port = self.listening("allow", NETWORK="127.0.0.0/24", HOST="127.0.0.66")
        for source, status in (("127.0.0.1", 0), ("127.0.0.66", 8), ("127.0.1.1", 8)):
            tried = tool.run("connect", "--send-only", "-s", source, "127.0.0.1", port, stdin=b"x")
            listening.wait_for(b"closed " if status == 0 else b"denied ")
            self.assertIn(tried.status, (0, status), tried)  # sent before the RST came, perhaps
        listening.terminate()
        self.assert_stderr("^served 1 client .* 2 denied by rule", listening.finish())

    def test_a_full_accept_queue(self):
        listening, port = self.listening("hold")
        clients = self.example("parallel", PORT=port, TIME="1500ms").finish()
        self.assert_status(7, clients)
        self.assert_stderr("^4 connections: 2 connected, 2 unanswered", clients)
        listening.wait_for(b"queue 2/1")
        listening.terminate()
        self.assert_stderr("^listener closed: accepted 0, .*deepest queue 2", listening.finish())

    def test_port_file(self):
        result = self.example("port-file").finish()
        self.assert_ok(result)
        with open(os.path.join(self.tmp, "received"), encoding="ascii") as file:
            self.assertEqual("hello\n", file.read())

    def test_statuses_in_a_script(self):
        with tool.refusing_port() as port:
            result = self.example("status", PORT=port).finish()
        self.assert_stdout(b"nobody listens there\n", result)
        with tool.python_server(lambda *_: None) as port:
            self.assert_stdout(b"open\n", self.example("status", PORT=port).finish())

    def test_trace_of_a_refusal(self):
        with tool.refusing_port() as port:
            result = self.example("trace", PORT=port).finish()
        self.assert_stderr(r"^# tcptool \S+ connect, pid \d+, started ", result)
        self.assert_stderr(rf"^ +[\d.]+ -> connect\(sockfd=\d+, addr=127.0.0.1:{port}\) = -1 E",
                           result)

    def test_handshake_time_from_json(self):
        with tool.python_server(lambda *_: None) as port:
            result = self.example("json", PORT=port).finish()
        self.assert_ok(result)
        self.assertGreater(int(result.stdout), 0)

    def test_socket_options(self):
        port = tool.free_port()
        listening = self.example("options", PORT=port)
        listening.wait_for(b"listening on ")
        with tool.Tool("connect", "localhost", port, stdin=b"x") as connected:
            result = listening.finish()
            self.assert_ok(connected.finish())
        self.assert_ok(result)
        self.assert_stdout(b"x", result)
        self.assert_stderr(r"^listening on \S+, backlog 2$", result)
        self.assert_no_stderr("^note ", result)


if __name__ == "__main__":
    tool.main()
