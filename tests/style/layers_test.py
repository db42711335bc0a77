# SPDX-License-Identifier: MIT
"""The house's floors (src/README.md): what a file may include, and where the libraries are."""

import posixpath

import tool
import tree

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


class Layers(tool.TestCase):
    def test_includes_go_down_or_stay_in_the_room(self):
        texts = tree.files()
        self.assertGreater(len(list(tree.matching(texts, "src/*.cc"))), 0, "no sources found")
        self.assert_none(upward(texts))

    def test_libraries_and_socket_headers_stay_in_their_rooms(self):
        self.assert_none(strangers(tree.files()))

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
