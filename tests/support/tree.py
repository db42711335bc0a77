# SPDX-License-Identifier: MIT
"""The project's files as a dict of path to text, for the tests of style."""

import fnmatch
import os
import re
import subprocess

SOURCE = os.environ.get("TCPTOOL_SOURCE") or os.path.realpath(
    os.path.join(os.path.dirname(__file__), "..", ".."))
NOT_OURS = {".git", "build", "__pycache__"}


def tracked():
    """The paths that git tracks; None without git or a repository, or before the first commit."""
    return _git("ls-files", "-z")


def paths():
    """The files that git tracks or would track; without git, all but .git and build."""
    listed = _git("ls-files", "-z", "-c", "-o", "--exclude-standard")
    if listed is None:
        listed = []
        for folder, folders, names in os.walk(SOURCE):
            folders[:] = [name for name in folders if name not in NOT_OURS]
            listed += [os.path.relpath(os.path.join(folder, name), SOURCE) for name in names]
    return sorted(path for path in set(listed) if os.path.isfile(os.path.join(SOURCE, path)))


def _git(*arguments):
    try:
        output = subprocess.run(["git", "-C", SOURCE, *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return list(filter(None, output.stdout.decode().split("\0"))) or None


def files():
    """All of the project's files; bytes that are no UTF-8 are kept as surrogates."""
    texts = {}
    for path in paths():
        with open(os.path.join(SOURCE, path), encoding="utf-8", errors="surrogateescape",
                  newline="") as file:
            texts[path] = file.read()
    return texts


def matching(texts, *patterns):
    """The (path, text) pairs whose path matches one of the patterns, * crossing slashes."""
    for path, text in texts.items():
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
            yield path, text


def lines(text):
    """(number, line) pairs."""
    return enumerate(text.split("\n"), 1)


def section(page, title):
    """The lines of one section or subsection of a manual page, up to the next one."""
    found = re.search(rf"^\.(Sh|Ss) {re.escape(title)}$\n(.*?)(?=^\.Sh |^\.\1 |\Z)", page,
                      re.MULTILINE | re.DOTALL)
    return found[2] if found else ""


_NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'", re.DOTALL)


def code(text):
    """C++ without its comments, strings and #include lines; line numbers stay."""
    blanked = _NO_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return re.sub(r"^[ \t]*#[ \t]*include\b[^\n]*", "", blanked, flags=re.MULTILINE)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)


def includes(text):
    """(line number, name, is quoted) of each #include."""
    for found in _INCLUDE.finditer(text):
        number = text.count("\n", 0, found.start()) + 1
        yield number, found[1] or found[2], found[1] is not None
