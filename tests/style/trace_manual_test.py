# SPDX-License-Identifier: MIT
"""tcptool-trace(5), the schema and the code speak of the same calls and fields."""

import json
import re

import json_schema
import tool
import tree

PAGE = "man/tcptool-trace.5"


def calls_of_code(texts):
    table = re.search(r"syscall_names\{(.*?)\}", texts["src/sys/syscall.h"], re.DOTALL)[1]
    return set(re.findall(r'"(\w+)"', table))


def fields(schema):
    """Every field of the objects of a trace."""
    names = set()
    for definition in schema["$defs"].values():
        names |= definition["properties"].keys()
    return names


class TraceManual(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = tree.files()
        cls.schema = json_schema.schema()

    def test_the_schema_has_the_arguments_of_every_call(self):
        named = {name.removeprefix("args-") for name in self.schema["$defs"]
                 if name.startswith("args-")}
        self.assertEqual(calls_of_code(self.texts), named)

    def test_the_page_has_every_field(self):
        words = set(re.findall(r"\w+", self.texts[PAGE]))
        self.assertEqual(set(), fields(self.schema) - words)

    def test_the_objects_of_the_page_are_as_the_schema_says(self):
        blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", self.texts[PAGE],
                            re.MULTILINE | re.DOTALL)
        objects = [block.replace("\n", "").replace("\\e", "\\") for block in blocks
                   if block.startswith("{")]
        types = {json.loads(text)["type"] for text in objects}
        self.assertEqual({"start", "call", "data", "tcp", "write", "read"}, types)
        self.assert_none(json_schema.violations("\n".join(objects)))

    def test_what_is_no_trace_is_found(self):
        call = {"type": "call", "time_ns": 1, "call": "close", "args": {"fd": 3}, "result": 0}
        self.assertEqual([], list(json_schema.violations(json.dumps(call))))
        for bad in ({"time_ns": "1"}, {"args": {}}, {"args": {"fd": "3"}}, {"call": "fork"},
                    {"more": 1}, {"type": "other"}, {"errno": "bad"}, {"time_ns": -1},
                    {"args": {"fd": 3, "x": 0}}, {"result": True}):
            self.assertNotEqual([], list(json_schema.violations(json.dumps(call | bad))), bad)


if __name__ == "__main__":
    tool.main()
