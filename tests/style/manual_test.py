# SPDX-License-Identifier: MIT
"""The manual page, the README, and the program say the same; and the page's examples work."""

import concurrent.futures
import os
import re
import signal
import subprocess
import threading

import tool
import tree

PAGE, README, STATUSES = "man/tcptool.1", "README.md", "src/cmd/exit_status.h"
EMITTERS = ("src/cmd/*.cc", "src/trace/*_[cl][hi]*.cc", "src/trace/[hop]*.cc", "src/main.cc")
MARK = re.compile(r'\.\\" TEST ([\w-]+):(.*)')


def section(page, title):
    """The lines of one section or subsection, up to the next one."""
    found = re.search(rf"^\.(Sh|Ss) {re.escape(title)}$\n(.*?)(?=^\.Sh |^\.\1 |\Z)", page,
                      re.MULTILINE | re.DOTALL)
    return found[2] if found else ""


def options_of_page(page, command):
    """The options (-v, --verbose) that the page has for a command: its own and those of both."""
    own = {"listen": ["Listening", "Serving"], "connect": ["Connecting"]}
    text = section(page, "OPTIONS")
    for other, titles in own.items():
        for title in titles if other != command else []:
            text = text.replace(section(page, title), "")
    items = "\n".join(re.findall(r"^\.It (Fl .*)$", text, re.MULTILINE))
    return {"-" + name for name in re.findall(r"\bFl (-?\w[\w-]*)", items)}


def options_of_help(text):
    names = re.findall(r"^ {2,6}(?:(-\w), )?(--[\w-]+)", text, re.MULTILINE)
    return {name for pair in names for name in pair if name}


def statuses_unlike(texts):
    """Every exit status of the code that the page or the README lacks, and every surplus one."""
    code = set(re.findall(r"= (\d+),$", texts[STATUSES], re.MULTILINE))
    page = re.findall(r"^\.It (\d+)$", section(texts[PAGE], "EXIT STATUS"), re.MULTILINE)
    readme = re.findall(r"^\| (\d+) \|", texts[README], re.MULTILINE)
    for path, listed in ((PAGE, page), (README, readme)):
        for status in sorted(code ^ set(listed), key=int):
            yield f"{path}: status {status} is " + ("missing" if status in code else "surplus")


def undocumented_json(texts):
    """Every type and field of a JSON object that the section JSON of the page lacks."""
    words = set(re.findall(r"[\w-]+", section(texts[PAGE], "JSON")))
    types = set(re.findall(r"^\.It Va ([\w-]+)$", section(texts[PAGE], "JSON"), re.MULTILINE))
    emitted = set()
    for path, text in tree.matching(texts, *EMITTERS):
        found = re.findall(r'(?:Message(?: \w+)?\{|add\("type", |\{"type":)"([\w-]+)"', text)
        emitted.update(found)
        yield from (f"{path}: type {name} is not in the page" for name in found
                    if name not in types)
        fields = re.findall(r'\badd(?:_time)?\("([\w-]+)"', text)
        yield from (f"{path}: field {name} is not in the page" for name in fields
                    if name not in words)
    yield from (f"{PAGE}: type {name} is never written" for name in sorted(types - emitted))


def socket_options_unlike(texts):
    table = texts["src/sys/option_names.cc"]
    settable = set(re.findall(r'SocketOptionInfo\{"(\w+)",[^}]*\btrue\}', table))
    listed = re.search(r"^The names, by the type.*?^\.El$", texts[PAGE], re.MULTILINE | re.DOTALL)
    page = set(re.findall(r"^\.Dv (\w+)", listed[0] if listed else "", re.MULTILINE))
    for name in sorted(settable ^ page):
        yield f"{PAGE}: {name} is " + ("missing" if name in settable else "surplus")


def examples(page):
    """name -> (commands, {text: placeholder}) of each block in EXAMPLES; and what is wrong."""
    blocks, wrong, mark = {}, [], None
    lines = iter(section(page, "EXAMPLES").split("\n"))
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


class Manual(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = tree.files()

    def test_every_option_is_in_the_page_and_none_besides(self):
        for command in ("listen", "connect"):
            help_text = tool.run(command, "--help").stdout.decode()
            self.assertIn("--verbose", help_text)
            page = options_of_page(self.texts[PAGE], command) - {"-V", "--version"}  # no command
            self.assertEqual(sorted(options_of_help(help_text)), sorted(page), command)

    def test_every_socket_option_is_in_the_page(self):
        self.assert_none(socket_options_unlike(self.texts))

    def test_every_exit_status_is_in_the_page_and_the_readme(self):
        self.assert_none(statuses_unlike(self.texts))

    def test_every_json_type_and_field_is_in_the_page(self):
        self.assert_none(undocumented_json(self.texts))

    def test_every_example_has_a_test(self):
        blocks, wrong = examples(self.texts[PAGE])
        self.assert_none(wrong)
        with open(__file__, encoding="utf-8") as file:
            tried = set(re.findall(r'self\.example\("([\w-]+)"', file.read()))
        self.assertEqual(sorted(blocks), sorted(tried))

    def test_differences_are_found(self):
        def planted(path, old, new):
            self.assertIn(old, self.texts[path])
            return self.texts | {path: self.texts[path].replace(old, new, 1)}

        help_text = "  -v, --verbose    every call\n      --new=D   more\n"
        self.assertEqual({"-v", "--verbose", "--new"}, options_of_help(help_text))
        page = planted(PAGE, ".It Fl C , Fl -crlf", ".It Fl -new")[PAGE]
        true_options = options_of_page(self.texts[PAGE], "listen")
        self.assertEqual({"-C", "--crlf", "--new"}, options_of_page(page, "listen") ^ true_options)
        self.assertNotIn("--backlog", options_of_page(page, "connect"))
        for rule, path, old, new in (
                (statuses_unlike, PAGE, "\n.It 7\n", "\n.It 77\n"),
                (statuses_unlike, README, "| 10 |", "| ten |"),
                (statuses_unlike, STATUSES, "= 10,", "= 10,\n  new = 11,"),
                (undocumented_json, PAGE, ".It Va retry", ".It Va again"),
                (undocumented_json, PAGE, "queue_limit", "queue_end"),
                (undocumented_json, "src/cmd/session.cc", '{"peer-closed"', '{"peer-gone"'),
                (socket_options_unlike, PAGE, ".Dv TCP_CORK", ".Dv TCP_FORK")):
            self.assertNotEqual([], list(rule(planted(path, old, new))), old)
        for old, new in (('.\\" TEST wait: 5432=PORT\n', ""), ("$ tcptool connect -z -", "! tcp"),
                         ("TEST http: 8000=", "TEST http: 8001=")):
            self.assertNotEqual([], examples(planted(PAGE, old, new)[PAGE])[1], old)


class Examples(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = tree.files()

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
