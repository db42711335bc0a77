# SPDX-License-Identifier: MIT
"""Failures whose cause tcptool names: run as JSON and as text, which must agree."""

import ends
import json_schema
import netns

__unittest = True  # keeps these frames out of tracebacks

SCREEN = 24  # lines


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
