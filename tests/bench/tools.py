# SPDX-License-Identifier: MIT
"""tcptool and its peers: the commands that make a listener and a connector of each.

cat is on a socket that ucspi-tcp made, and goes one way only. bare is relay_bare.c, no peer but the
limit; unconfined is tcptool without its sandbox. `programs`: where tcptool and bare are.
"""

import shutil

from common import LOOPBACK


def peers():
    """The installed ones."""
    programs = {"cat": "tcpserver", "socat": "socat", "nc": "nc.openbsd", "ncat": "ncat"}
    return [tool for tool, program in programs.items() if shutil.which(program)]


def listener(tool, programs, port, task):
    """The command; its task is to "send" stdin, to "receive" into stdout, or "both"."""
    address = f"TCP4-LISTEN:{port},bind={LOOPBACK},reuseaddr"
    serve = f"exec tcpserver -HRl0 {LOOPBACK} {port} sh -c "
    return {
        "tcptool": [programs["tcptool"], "listen", "-q", LOOPBACK, port],
        "bare": [programs["bare"], "listen", LOOPBACK, port, task],
        # Without -d one whose stdin is at its end loses what still comes.
        "nc": ["nc.openbsd", "-l", "-d" if task == "receive" else "-N", LOOPBACK, port],
        "ncat": ["ncat", "-n", "-l", *ncat_task(task), LOOPBACK, port],
        "socat": ["socat", "-b262144", *socat_task(task, address)],
        "cat": ["sh", "-c", serve + ("'cat >&3; kill $PPID' 3>&1" if task == "receive" else
                                     "'cat <&4; kill $PPID' 4<&0")],
    }[tool]


def connector(tool, programs, port, task):
    address = f"TCP4:{LOOPBACK}:{port}"
    copy = "exec cat <&6" if task == "receive" else "exec cat >&7"
    return {
        "tcptool": [programs["tcptool"], "connect", "-q", LOOPBACK, port],
        "unconfined": [programs["tcptool"], "connect", "-q", "--sandbox", "off", LOOPBACK, port],
        "bare": [programs["bare"], "connect", LOOPBACK, port, task],
        "nc": ["nc.openbsd", "-d" if task == "receive" else "-N", LOOPBACK, port],
        "ncat": ["ncat", "-n", *ncat_task(task), LOOPBACK, port],
        "socat": ["socat", "-b262144", *socat_task(task, address)],
        "cat": ["tcpclient", "-HRl0", LOOPBACK, port, "sh", "-c", copy],
    }[tool]


def ncat_task(task):
    return {"send": ["--send-only"], "receive": ["--recv-only"], "both": []}[task]


def socat_task(task, address):
    return {"send": ["-u", "STDIN", address], "receive": ["-u", address, "STDOUT"],
            "both": ["-t10", "-", address]}[task]
