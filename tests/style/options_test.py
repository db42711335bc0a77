# SPDX-License-Identifier: MIT
"""The tree of options is one: what --help shows, the manual page describes and every shell offers.

A unit test (tests/unit/cli/parse_test.cc) holds --help to the options that are declared.
"""

import itertools
import os
import re

import shells
import tool
import tree

PAGE = "man/tcptool.1"
OF_TCPTOOL = {"-h", "--help", "-V", "--version"}  # in the place of a command
NOT_TOGETHER = {"-h", "--help", "-6", "--ipv6", "--no-half-close", "--recv-only"}
SECTIONS = {"listen": ["Listening", "Serving"], "connect": ["Connecting"]}  # of one command alone


def options_of_help(text):
    """Option -> whether its next word is its value, of a command's --help."""
    found = re.findall(r"^ {2,6}(?:(-\w), )?(--[\w-]+)(=?)", text, re.MULTILINE)
    return {name: bool(value) for short, long, value in found for name in (short, long) if name}


def options_of_page(page, command):
    """The options (-v, --verbose) that the page has for a command: its own and those of both."""
    text = tree.section(page, "OPTIONS")
    for title in [title for other in SECTIONS if other != command for title in SECTIONS[other]]:
        text = text.replace(tree.section(page, title), "")
    items = "\n".join(re.findall(r"^\.It (Fl .*)$", text, re.MULTILINE))
    return {"-" + name for name in re.findall(r"\bFl (-?\w[\w-]*)", items)} - {"-V", "--version"}


def options_of_shell(shell, command):
    """What a shell offers for a dash; zsh and fish keep the long ones for two."""
    words = set()
    for dashes in ("-", "--"):
        words |= shell.offers(f"tcptool {command} {dashes}".replace("  ", " "))
    return {word.rstrip("=") for word in words}


def unlike(where, wanted, there):
    for option in sorted(set(wanted) ^ set(there)):
        yield f"{where}: {option} is " + ("missing" if option in wanted else "surplus")


def all_together(options, dashes):
    """All options with so many dashes, each flag in front of one with a value, which it must not
    take; of those that exclude each other one."""
    names = [name for name in options
             if re.match(rf"{dashes}\w", name) and name not in NOT_TOGETHER]
    flags = [name for name in names if not options[name]]
    pairs = itertools.zip_longest(flags, [f"{name} 1" for name in names if options[name]])
    return " ".join(word for pair in pairs for word in pair if word)


class Options(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = tree.files()[PAGE]
        cls.help = {command: options_of_help(tool.run(command, "--help").stdout.decode())
                    for command in SECTIONS}

    def shells(self):
        return [shells.Shell(name, self.tmp) for name in shells.SHELLS]

    def test_every_option_is_everywhere_and_none_besides(self):
        complaints = []
        for command, options in self.help.items():
            self.assertIn("--verbose", options)
            complaints += unlike(f"{PAGE}, {command}", options, options_of_page(self.page, command))
            for shell in self.shells():
                complaints += unlike(f"{shell.file}, {command}", options,
                                     options_of_shell(shell, command))
        self.assert_none(complaints)

    def test_what_stands_in_the_place_of_a_command(self):
        synopsis = tree.section(self.page, "SYNOPSIS").split("Cm help")[1]
        synopsis = re.findall(r"\bFl (-?\w+)", synopsis)
        self.assertEqual(OF_TCPTOOL, {"-" + name for name in synopsis})
        for option in OF_TCPTOOL:
            self.assert_ok(tool.run(option))
        for shell in self.shells():
            self.assert_none(unlike(shell.file, OF_TCPTOOL, options_of_shell(shell, "")))

    def test_every_shell_knows_which_options_have_a_value(self):
        for shell in self.shells():
            for command, first in (("connect", "localhost"), ("listen", "127.0.0.1")):
                for dashes in ("-", "--"):
                    options = all_together(self.help[command], dashes)
                    line = f"tcptool {command} {options} {first[:4]}"
                    self.assertIn(first, shell.offers(line), f"{shell.name}: {line}")

    def test_every_socket_option_is_in_the_page_and_in_every_shell(self):
        with open(os.path.join(tool.SOURCE, "src/sys/option_names.cc"), encoding="ascii") as file:
            table = dict(re.findall(r'SocketOptionInfo\{"(\w+)",[^}]*? (\w+), true\b', file.read()))
        self.assertEqual("text", table["TCP_CONGESTION"])
        listed = re.search(r"^The names, by the type.*?^\.El$", self.page, re.MULTILINE | re.DOTALL)
        complaints = list(unlike(PAGE, table, re.findall(r"^\.Dv (\w+)", listed[0], re.MULTILINE)))
        offers = {name + ("" if kind == "flag" else "=") for name, kind in table.items()}
        for shell in self.shells():
            offered = {word for word in shell.offers("tcptool connect -o ")
                       if not re.search("=.", word)}
            complaints += unlike(shell.file, offers, offered)
        self.assert_none(complaints)

    def test_differences_are_found(self):
        text = "  -v, --verbose    every call\n      --new=D   more\n      --try[=N]   again\n"
        self.assertEqual({"-v": False, "--verbose": False, "--new": True, "--try": False},
                         options_of_help(text))
        self.assertEqual("--json --new 1 --color 1", all_together(
            {"--json": False, "-v": False, "--new": True, "--color": True}, "--"))
        page = self.page.replace(".It Fl C , Fl -crlf", ".It Fl -new")
        self.assertEqual({"-C", "--crlf", "--new"},
                         options_of_page(page, "listen") ^ set(self.help["listen"]))
        self.assertNotIn("--backlog", options_of_page(page, "connect"))
        for name, file in shells.FILES.items():
            with open(os.path.join(shells.FOLDER, file), encoding="utf-8") as source:
                text = source.read()
            planted = os.path.join(self.tmp, file)
            with open(planted, "w", encoding="utf-8") as copy:
                copy.write(re.sub(r"(-l |--)crlf\b", r"\1lfcr", text))
            shell = shells.Shell(name, self.tmp, planted)
            self.assertEqual({"--crlf", "--lfcr"},
                             options_of_shell(shell, "listen") ^ set(self.help["listen"]), name)


if __name__ == "__main__":
    tool.main()
