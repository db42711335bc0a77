# SPDX-License-Identifier: MIT
"""A validator of the part of JSON Schema that the schemas in tests/ use."""

import json
import os
import re

import tool

TRACE = os.path.join(tool.SOURCE, "tests", "oracle", "trace.schema.json")
DIAGNOSIS = os.path.join(tool.SOURCE, "tests", "netns", "diagnosis.schema.json")
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
         "null": type(None)}


def _is(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def complaints(value, schema, root, where="$"):
    """What of `value` is not as `schema` says."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is not of the enum"
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_is(value, name) for name in names):
            yield f"{where}: {value!r} is no {' or '.join(names)}"
            return
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    if "minimum" in schema and isinstance(value, int) and value < schema["minimum"]:
        yield f"{where}: {value} is below {schema['minimum']}"
    if "maxLength" in schema and isinstance(value, str) and len(value) > schema["maxLength"]:
        yield f"{where}: longer than {schema['maxLength']}"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}: {name} is missing"
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name, item in value.items():
            if name in known:
                yield from complaints(item, known[name], root, f"{where}.{name}")
            elif schema.get("additionalProperties", True) is False:
                yield f"{where}: {name} is not known"
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from complaints(item, schema["items"], root, f"{where}[{number}]")


def schema(path=TRACE):
    with open(path, encoding="ascii") as file:
        return json.load(file)


def diagnosis_violations(text):
    """Complaints about what tcptool --json says of a failure and its cause."""
    root = schema(DIAGNOSIS)
    for line in text.splitlines():
        value = json.loads(line)
        if value.get("type") in root["$defs"]:
            for complaint in complaints(value, root["$defs"][value["type"]], root):
                yield f"{complaint}\n    in {line}"


def violations(text):
    """Complaints about the trace's objects among lines of JSON: start, call, data, tcp and lost."""
    root = schema()
    seen = 0
    for line in text.splitlines():
        value = json.loads(line)
        kind = value.get("type")
        if kind in root["$defs"]:
            seen += 1
            for complaint in complaints(value, root["$defs"][kind], root):
                yield f"{complaint}\n    in {line}"
            if kind == "call":
                arguments = root["$defs"].get(f"args-{value['call']}")
                if arguments is None:
                    yield f"the arguments of {value['call']} are not in the schema"
                else:
                    yield from complaints(value["args"], arguments, root, value["call"])
    if not seen:
        yield "there is no trace"
