# SPDX-License-Identifier: MIT
"""The manual page names every cause that the program can name."""

import re

import tool
import tree

PAGE, CAUSES = "man/tcptool.1", "src/diagnose/cause.cc"


def causes_unlike(texts):
    """Every cause of the code that the page lacks, and every surplus one."""
    code = set(re.findall(r'CauseInfo\{Cause::\w+,\s+"([\w-]+)"', texts[CAUSES]))
    listed = re.search(r"^\.Ss Causes$(.*?)^\.Sh ", texts[PAGE], re.MULTILINE | re.DOTALL)[1]
    items = "\n".join(re.findall(r"^\.It (Sy .*)$", listed, re.MULTILINE))
    page = set(re.findall(r"Sy ([\w-]+)", items))
    if not code:
        yield "no causes found"
    for cause in sorted(code ^ page):
        yield f"{PAGE}: cause {cause} is " + ("missing" if cause in code else "surplus")


class Diagnoses(tool.TestCase):
    def test_every_cause_is_in_the_page_and_none_besides(self):
        self.assert_none(causes_unlike(tree.files()))

    def test_a_missing_and_a_surplus_one_are_found(self):
        texts = {CAUSES: 'CauseInfo{Cause::a, "a-b", Layer::link},',
                 PAGE: ".Ss Causes\n.It Sy c-d\n.Sh NEXT\n"}
        self.assertEqual(2, len(list(causes_unlike(texts))))


if __name__ == "__main__":
    tool.main()
