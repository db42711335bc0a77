# SPDX-License-Identifier: MIT
"""Failures whose cause tcptool names: run as JSON and as text, which must agree."""

import contextlib
import socket

import ends
import json_schema
import netns
import tool

__unittest = True  # keeps these frames out of tracebacks

SCREEN = 24  # lines
SERVER, CLIENT = "10.77.2.2", "10.77.1.2"
GIVE_UP = ("-o", "TCP_USER_TIMEOUT=1s")


class TestCase(netns.TestCase):
    """Its tests share one world, and tcptool runs in namespace c of it."""

    def assert_told(self, result, status, cause, layer, or_else=None):
        """A run with --json has this exit status and cause, and this layer alone has failed;
        returns the error object."""
        self.assert_none(json_schema.diagnosis_violations(result.stderr))
        told = ends.of_type(result, "error")
        self.assertEqual((status, cause, or_else),
                         (result.status, told.get("cause_id"), told.get("or_else")), str(result))
        self.assertEqual([layer], [row["layer"] for row in told["layers"]
                                   if row["state"] == "failed"], str(result))
        for field in ("message", "cause", "try"):
            self.assertRegex(told[field], r"\w", str(result))
        return told

    def assert_text(self, result, status, layer, words):
        """A run without --json: the same, in less than a screen, and `words` is found in it."""
        self.assert_status(status, result)
        self.assert_diagnosis(layer, "", result)
        self.assert_stderr(words, result)
        self.assertLessEqual(len(result.stderr.splitlines()), SCREEN, str(result))

    def assert_cause(self, arguments, status, cause, layer, words, or_else=None, name="c",
                     **keywords):
        """Both forms, run at once; returns the error object and the text."""
        role, *rest = arguments
        with (self.world.tool(name, role, "--json", *rest, **keywords) as data,
              self.world.tool(name, *arguments, **keywords) as text):
            result = data.finish()
            said = text.finish()
        self.assert_text(said, status, layer, words)
        return self.assert_told(result, status, cause, layer, or_else), said.stderr


class TransferTestCase(TestCase):
    """c -- r -- s; tcptool in c is the connecting side unless a test says otherwise."""

    @staticmethod
    def build(world):
        world.routed()

    def setUp(self):
        super().setUp()
        self.world.sh("c", "ip route flush cache")

    @contextlib.contextmanager
    def pair(self, *args, role="connect", json=True, **keywords):
        """tcptool in c and a socket of ours in s, connected: yields (Tool, socket, listener)."""
        args = ("--json", *args) if json else args
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(self.world.server("s", SERVER, 9000))
            if role == "connect":
                process = stack.enter_context(
                    self.world.tool("c", "connect", *args, SERVER, 9000, **keywords))
                peer = stack.enter_context(listener.accept()[0])
            else:
                process = stack.enter_context(
                    self.world.tool("c", "listen", *args, CLIENT, 9000, **keywords))
                process.wait_for("listening")
                with self.world.inside("s"):
                    peer = stack.enter_context(socket.create_connection((CLIENT, 9000), 10))
            peer.settimeout(30 * tool.PATIENCE)
            process.wait_for("connected|accepted")
            yield process, peer, listener

    def assert_ended(self, fault, status, cause, layer, words, or_else=None, options=(),
                     roles=ends.ROLES, stdin=tool.PIPE):
        """fault(process, peer, listener) ends a connection so: as JSON in the first of these roles,
        as text in the last. Returns the error object."""
        told = None
        for role, json in ((roles[0], True), (roles[-1], False)):
            with (self.subTest(role=role, json=json),
                  self.pair(*options, role=role, json=json, stdin=stdin) as both):
                fault(*both)
                result = both[0].finish()
                if json:
                    told = self.assert_told(result, status, cause, layer, or_else)
                else:
                    self.assert_text(result, status, layer, words)
            self.world.filter("r", "forward")
        return told

    def drop(self, *rules):
        self.filter("r", "forward", *(rules or ("counter drop", )))

    def exchange(self, process, peer):
        """A few bytes each way: all is well so far."""
        process.send(b"question")
        self.assertEqual(b"question", ends.receive(peer, 8))
        peer.sendall(b"answer")
        process.wait_for_stdout(b"answer")
