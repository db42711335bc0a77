# SPDX-License-Identifier: MIT
"""The congestion control of connections over loopback: which one, and another for all tools alike.

It decides more than the system calls do: bbr paces what is sent, over loopback too.
"""

import ctypes
import os
import socket
import subprocess

from common import LOOPBACK

CLONE_NEWNET = 0x40000000


def in_force():
    with socket.create_server((LOOPBACK, 0)) as listener, \
            socket.create_connection(listener.getsockname()) as client:
        name = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    return name.rstrip(b"\0").decode()


def put_in_force(name):
    """Moves this process, and what it starts, into a network namespace whose route to loopback
    names it. The sysctl would not do: but in the first namespace it takes only those that
    net.ipv4.tcp_allowed_congestion_control has."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        why = os.strerror(ctypes.get_errno())
        raise SystemExit(f"--congestion {name}: no network namespace: {why}; as an ordinary user "
                         "put `unshare --map-root-user` in front")
    for words in ("link set lo up",
                  f"route change table local local {LOOPBACK} dev lo congctl {name}"):
        try:
            subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise SystemExit(f"--congestion {name}: ip is not installed (iproute2)") from None
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"--congestion {name}: ip {words}: {error.stderr.strip()}") from None
    if (found := in_force()) != name:
        raise SystemExit(f"--congestion {name}: {found} is in force all the same")
