# SPDX-License-Identifier: MIT
"""help, --help and --version on stdout; no arguments at all is a usage error with the overview."""

import re
import socket

import tool


class Help(tool.TestCase):
    def assert_page(self, words, *args):
        result = tool.run(*args)
        self.assert_ok(result)
        self.assertEqual("", result.stderr)
        text = result.stdout.decode("ascii")
        self.assertTrue(text.endswith("\n"))
        self.assert_none(f"no {word!r} in {text}" for word in words if word not in text)
        self.assert_none(f"wider than 80 columns: {line}" for line in text.splitlines()
                         if len(line) > 80)
        return text

    def test_the_overview_names_the_commands(self):
        pages = {self.assert_page(["tcptool listen", "tcptool connect", "tcptool help"], *args)
                 for args in (["help"], ["--help"], ["-h"], ["help", "--help"])}
        self.assertEqual(1, len(pages))

    def test_each_command_has_its_own_page_by_all_three_ways(self):
        for command, option in (("connect", "--retry"), ("listen", "--backlog")):
            with self.subTest(command):
                pages = {self.assert_page([f"Usage: tcptool {command}", option, "--verbose"], *args)
                         for args in (["help", command], [command, "--help"], [command, "-h"],
                                      ["--help", command])}
                self.assertEqual(1, len(pages))

    def test_help_wins_over_what_is_wrong_beside_it(self):
        self.assert_page(["Usage: tcptool connect"], "connect", "host", "99999", "--help")

    def test_no_arguments_are_a_usage_error_with_the_overview_on_stderr(self):
        result = tool.run()
        self.assert_status(2, result)
        self.assert_stdout(b"", result)
        self.assert_stderr(r"^Usage: tcptool listen \[OPTIONS\]", result)

    def test_the_overview_fits_on_a_screen_with_examples(self):
        examples = ["tcptool listen -p 9000", "tcptool connect localhost 9000"]
        text = self.assert_page(examples, "help")
        self.assertLess(text.count("\n"), 24)

    def test_options_stand_by_task_and_name_their_units_and_defaults(self):
        common = ["Addresses", "Data and how the run ends", "Time limits", "Socket", "Output",
                  "Confinement"]
        for command, own in (("connect", ["Connecting"]), ("listen", ["Listening", "Serving"])):
            text = self.assert_page(["500ms", "seconds", "powers of 1024"], command, "--help")
            self.assertEqual(own + common, re.findall(r"^(\w.*):$", text, re.MULTILINE))
            options = re.split(r"\n(?= {2,6}-)", text.replace("\n" + " " * 28, " "))
            timed = [option for option in options if re.search(r"=(D|SIZE)\b", option)]
            self.assertGreater(len(timed), 4)
            self.assert_none(f"no default: {option}" for option in timed
                             if "default" not in option and "--hold" not in option)

    def test_version_is_first_a_line_for_scripts(self):
        for option in ("--version", "-V"):
            result = tool.run(option)
            self.assert_ok(result)
            self.assertEqual("", result.stderr)
            self.assertRegex(result.stdout.decode(),
                             r"\Atcptool \d+\.\d+\.\d+\ncommit \w+\n.+\n\Z")

    def test_a_page_that_cannot_be_written_is_status_10(self):
        with open("/dev/full", "wb") as full:
            self.assert_status(10, tool.run("--help", stdout=full))

    def test_a_host_may_have_the_name_of_a_command(self):
        for name in ("help", "listen", "connect"):
            with self.subTest(name):
                result = tool.run("connect", "-w", "5s", f"{name}.invalid", 80)
                self.assert_status(3, result)
                result = tool.run("connect", "-n", name, 80)
                self.assert_usage(f"'{name}'.*-n", result)

    def test_two_dashes_end_the_options(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            for words in (["--", "127.0.0.1", port], ["127.0.0.1", "--", port],
                          ["127.0.0.1", port, "--"]):
                with self.subTest(words):
                    self.assert_ok(tool.run("connect", "-z", *words))


if __name__ == "__main__":
    tool.main()
