# SPDX-License-Identifier: MIT
"""What the benchmarks share: listeners that are waited for, programs, tables of medians."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOOPBACK = "127.0.0.1"
TCPTOOL = os.environ.get("TCPTOOL") or os.path.realpath(
    os.path.join(HERE, "..", "..", "build", "release", "tcptool"))


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def unused_port():
    with socket.create_server((LOOPBACK, 0)) as unused:
        return unused.getsockname()[1]


def listens(port, running, patience=5):
    """Waits until somebody listens on the port, as long as running() is; whether somebody does."""
    end = time.monotonic() + patience
    while f":{port:04X} 00000000:0000 0A " not in read("/proc/net/tcp"):
        if not running() or time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def executable(path):
    """Its absolute path. Ends the run where there is none."""
    found = shutil.which(os.path.abspath(path))
    if not found:
        raise SystemExit(f"{path} is no program; sh packaging/try.sh compiles tcptool, and "
                         "--tcptool PATH names another")
    return found


def compiled(name, folder):
    """The path of a program made of name.c, which stands beside this file."""
    if not shutil.which("cc"):
        raise SystemExit("cc is not installed, which compiles what feeds the tools")
    made = os.path.join(folder, name)
    subprocess.run(["cc", "-O2", "-o", made, os.path.join(HERE, f"{name}.c")], check=True)
    return made


class Table:
    """What was measured, told line by line and kept for --json."""

    def __init__(self):
        self.rows = []

    def add(self, part, name, base, unit, values, note="", **more):
        """Returns the median; the ratio is to `base`."""
        if not values:
            print(f"{part:15} {name:16} {note}", flush=True)
            self.rows.append({"part": part, "name": name, "note": note, **more})
            return None
        median = statistics.median(values)
        ratio = median / base if base else 1.0
        print(f"{part:15} {name:16} {median:11.3f} {unit:13} {min(values):11.3f} .."
              f"{max(values):11.3f}  x{ratio:6.2f}  {note}", flush=True)
        self.rows.append({"part": part, "name": name, "unit": unit, "median": median,
                          "ratio": ratio, "values": values, "note": note, **more})
        return median

    def write(self, path, **more):
        with open(path, "w", encoding="ascii") as file:
            print(json.dumps({**more, "rows": self.rows}, indent=1), file=file)
