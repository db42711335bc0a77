# SPDX-License-Identifier: MIT
"""The manual page, the README, and the program say the same."""

import re

import tool
import tree

PAGE, README, STATUSES = "man/tcptool.1", "README.md", "src/cmd/exit_status.h"
GAP, LAST_COLUMN = 4, 78 - 5  # what man-db leaves between columns; a line without its indent
EMITTERS = ("src/cmd/*.cc", "src/trace/*_[cl][hi]*.cc", "src/trace/[hop]*.cc", "src/main.cc")


def statuses_unlike(texts):
    """Every exit status of the code that the page or the README lacks, and every surplus one."""
    code = set(re.findall(r"= (\d+),$", texts[STATUSES], re.MULTILINE))
    page = re.findall(r"^\.It (\d+)$", tree.section(texts[PAGE], "EXIT STATUS"), re.MULTILINE)
    readme = re.findall(r"^\| (\d+) \|", texts[README], re.MULTILINE)
    for path, listed in ((PAGE, page), (README, readme)):
        for status in sorted(code ^ set(listed), key=int):
            yield f"{path}: status {status} is " + ("missing" if status in code else "surplus")


def undocumented_json(texts):
    """Every type and field of a JSON object that the section JSON of the page lacks."""
    words = set(re.findall(r"[\w-]+", tree.section(texts[PAGE], "JSON")))
    types = set(re.findall(r"^\.It Va ([\w-]+)$", tree.section(texts[PAGE], "JSON"), re.MULTILINE))
    emitted = set()
    for path, text in tree.matching(texts, *EMITTERS):
        found = re.findall(r'(?:Message(?: \w+)?\{|add\("type", |\{"type":)"([\w-]+)"', text)
        emitted.update(found)
        yield from (f"{path}: type {name} is not in the page" for name in found
                    if name not in types)
        fields = re.findall(r'\badd(?:_time)?\("([\w-]+)"', text)
        yield from (f"{path}: field {name} is not in the page" for name in fields
                    if name not in words)
    yield from (f"{PAGE}: type {name} is never written" for name in sorted(types - emitted))


def cells_too_wide(texts):
    """Every cell of a page's tables that on 80 columns would touch the next, or be broken."""
    for path, text in tree.matching(texts, "man/*"):
        tables = re.findall(r"^\.Bl -column (.*)\n((?:\.It .*\n)+)", text, re.MULTILINE)
        for widths, rows in tables:
            room = [len(width) for width in re.findall(r'"([^"]*)"', widths)]
            room.append(LAST_COLUMN - sum(width + GAP for width in room))
            for row in rows.splitlines():
                cells = re.sub(r'^\.It |\bEm |""', "", row)
                cells = re.sub(r"\\(?:\(em|.)", "-", cells).split("Ta")
                yield from (f"{path}: too wide for its column: {cell.strip()}"
                            for width, cell in zip(room, cells) if len(cell.strip()) > width)


class Manual(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = tree.files()

    def test_every_exit_status_is_in_the_page_and_the_readme(self):
        self.assert_none(statuses_unlike(self.texts))

    def test_every_json_type_and_field_is_in_the_page(self):
        self.assert_none(undocumented_json(self.texts))

    def test_no_cell_of_a_table_touches_the_next(self):
        self.assert_none(cells_too_wide(self.texts))

    def test_differences_are_found(self):
        def planted(path, old, new):
            self.assertIn(old, self.texts[path])
            return self.texts | {path: self.texts[path].replace(old, new, 1)}

        for rule, path, old, new in (
                (statuses_unlike, PAGE, "\n.It 7\n", "\n.It 77\n"),
                (statuses_unlike, README, "\n| 10 |", "\n| ten |"),
                (statuses_unlike, STATUSES, "= 10,", "= 10,\n  new = 11,"),
                (cells_too_wide, PAGE, "Ta routing table Ta", "Ta broadcast, MD5, table Ta"),
                (cells_too_wide, PAGE, "Ta -o SO_RCVBUF=n", "Ta -o SO_RCVBUF=n, -o SO_SNDBUF=n"),
                (undocumented_json, PAGE, ".It Va retry", ".It Va again"),
                (undocumented_json, PAGE, "queue_limit", "queue_end"),
                (undocumented_json, "src/cmd/session.cc", '{"peer-closed"', '{"peer-gone"')):
            self.assertNotEqual([], list(rule(planted(path, old, new))), old)


if __name__ == "__main__":
    tool.main()
