# SPDX-License-Identifier: MIT
"""The house's floors (src/README.md): what a file may include, where the libraries are, and that
every source is on the map."""

import fnmatch
import posixpath
import re

import tool
import tree

MAP = "src/README.md"
LEVEL = {"libraries.cc": 0, "base": 1, "sys": 2, "trace": 3, "tcp": 3, "relay": 4, "diagnose": 4,
         "cmd": 5, "cli": 6, "main.cc": 7}

# Headers of sockets, addresses and readiness: for the two floors that speak to the kernel.
SOCKET_HEADERS = {"netdb.h", "poll.h", "ifaddrs.h", "resolv.h", "sys/socket.h", "sys/un.h",
                  "sys/uio.h", "sys/poll.h", "sys/epoll.h", "sys/select.h",
                  "sys/signalfd.h", "sys/timerfd.h", "sys/eventfd.h", "sys/sendfile.h"}
SOCKET_FOLDERS = ("arpa/", "asm/", "linux/", "net/", "netinet/")


def room(path):
    """The folder or file of src/ that a path is in; None for a folder that is no layer."""
    name = path.removeprefix("src/").split("/")[0]
    return name if name in LEVEL else None


def upward(texts):
    """Every include of one's own that goes up, or sideways into another folder."""
    for path, text in tree.matching(texts, "src/*.cc", "src/*.h"):
        here = room(path)
        if here is None:
            yield f"{path}: is in none of the layers {', '.join(LEVEL)}"
            continue
        for number, name, quoted in tree.includes(text):
            there = room(posixpath.normpath(name)) if "/" in name else None
            if not quoted:
                if there and f"src/{name}" in texts:
                    yield f"{path}:{number}: <{name}> is ours: write it in quotes"
            elif f"src/{name}" not in texts:
                yield f'{path}:{number}: "{name}" is no path from src/'
            elif there != here and LEVEL[there] >= LEVEL[here]:
                yield (f'{path}:{number}: {here} (level {LEVEL[here]}) includes "{name}" '
                       f"(level {LEVEL[there]})")


def strangers(texts):
    """Every header of a library or of the kernel outside the rooms that it may be in.

    src/libraries.cc holds no code of ours: it compiles fmt's and spdlog's own.
    """
    for path, text in tree.matching(texts, "src/*.cc", "src/*.h"):
        for number, name, quoted in tree.includes(text):
            if quoted:
                continue
            if name.startswith("CLI/") and path != "src/cli/command_line.cc":
                yield f"{path}:{number}: <{name}> outside cli/command_line.cc"
            if name.startswith("spdlog/") and path not in (
                    "src/cmd/console.cc", "src/cmd/console.h", "src/libraries.cc"):
                yield f"{path}:{number}: <{name}> outside cmd/console"
            if name.startswith("tl/") and path != "src/base/result.h":
                yield f"{path}:{number}: <{name}> outside base/result.h"
            sockets = name in SOCKET_HEADERS or name.startswith(SOCKET_FOLDERS)
            if sockets and room(path) not in ("sys", "tcp"):
                yield f"{path}:{number}: <{name}> outside sys/ and tcp/"


def charted(text):
    """The paths in src/ that the table of src/README.md names; * stands for anything."""
    folder = None
    for _, line in tree.lines(text.partition("## Room by room")[2].partition("\n## ")[0]):
        first = line.removeprefix("| ").partition(" |")[0]
        if found := re.fullmatch(r"\*\*(\w+)/\*\*", first):
            folder = found[1]
        elif folder:
            yield from (f"src/{folder}/{name}" for name in re.findall(r"`([^`]+)`", first))


def unlike_the_map(texts):
    """Every .cc in a folder of src/ that is not on the map, and every name there without a file."""
    sources = [path for path, _ in tree.matching(texts, "src/*/*.cc", "src/*/*.h")]
    charted_sources = set()
    for name in charted(texts[MAP]):
        patterns = (name,) if name.endswith((".cc", ".h")) else (name + ".cc", name + ".h")
        here = {path for path in sources for pattern in patterns
                if fnmatch.fnmatchcase(path, pattern)}
        charted_sources |= here
        if not here:
            yield f"{MAP}: {name} is no source"
    for path in sources:
        if path.endswith(".cc") and path not in charted_sources:
            yield f"{MAP}: {path} is missing"


class Layers(tool.TestCase):
    def test_includes_go_down_or_stay_in_the_room(self):
        texts = tree.files()
        self.assertGreater(len(list(tree.matching(texts, "src/*.cc"))), 0, "no sources found")
        self.assert_none(upward(texts))

    def test_libraries_and_socket_headers_stay_in_their_rooms(self):
        self.assert_none(strangers(tree.files()))

    def test_every_source_is_on_the_map_and_nothing_else(self):
        self.assert_none(unlike_the_map(tree.files()))

    def test_what_the_map_lacks_and_what_is_gone_is_found(self):
        table = ("## Room by room\n| **base/** | |\n| `text`, `json.h` | `not_a_file` |\n"
                 "| **sys/** | |\n| `rules_*` | x |\n## Next\n| `fd` | |\n")
        sound = dict.fromkeys(("src/base/text.cc", "src/base/text.h", "src/base/json.h",
                               "src/base/other.h", "src/sys/rules_a.cc", "src/main.cc"), "")
        sound[MAP] = table
        self.assertEqual([], list(unlike_the_map(sound)))
        for path in ("src/base/json.cc", "src/base/rules_a.cc", "src/sys/fd.cc"):
            self.assertEqual([f"{MAP}: {path} is missing"],
                             list(unlike_the_map(sound | {path: ""})))
        for path in ("src/base/json.h", "src/sys/rules_a.cc"):
            self.assertEqual(1, len(list(unlike_the_map(
                {name: text for name, text in sound.items() if name != path}))), path)

    def test_upward_and_sideways_includes_are_found(self):
        house = dict.fromkeys(("src/base/text.h", "src/sys/fd.h", "src/trace/event.h",
                               "src/tcp/info.h", "src/cmd/run.h"), "")
        bad = {
            "src/base/a.cc": '#include "sys/fd.h"',
            "src/tcp/a.cc": '#include "trace/event.h"',
            "src/trace/a.cc": '#include "tcp/info.h"',
            "src/sys/a.cc": '#  include "cmd/run.h"',
            "src/sys/b.cc": '#include "fd.h"',
            "src/sys/c.cc": "#include <base/text.h>",
            "src/new/a.cc": "",
        }
        good = {
            "src/tcp/b.cc": '#include "tcp/info.h"\n#include "sys/fd.h"\n#include "base/text.h"',
            "src/main.cc": '#include "cmd/run.h"\n#include <vector>',
        }
        self.assertEqual([], list(upward(house | good)))
        for path, text in bad.items():
            self.assertEqual(1, len(list(upward(house | {path: text}))), path)

    def test_headers_in_the_wrong_room_are_found(self):
        bad = {
            "src/cli/parse.cc": "#include <CLI/CLI.hpp>",
            "src/cmd/run.cc": "#include <spdlog/spdlog.h>",
            "src/cmd/x.cc": "#include <tl/expected.hpp>",
            "src/trace/x.cc": "#include <sys/socket.h>",
            "src/relay/x.cc": "#include <linux/sockios.h>",
            "src/main.cc": "#include <netdb.h>",
        }
        good = {
            "src/cli/command_line.cc": "#include <CLI/CLI.hpp>",
            "src/cmd/console.cc": "#include <spdlog/spdlog.h>",
            "src/sys/x.cc": "#include <sys/socket.h>\n#include <netinet/tcp.h>",
            "src/tcp/x.cc": "#include <linux/errqueue.h>",
        }
        self.assertEqual([], list(strangers(good)))
        for path, text in bad.items():
            self.assertEqual(1, len(list(strangers({path: text}))), path)


if __name__ == "__main__":
    tool.main()
