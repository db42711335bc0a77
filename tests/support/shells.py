# SPDX-License-Identifier: MIT
"""What bash, zsh and fish offer behind a command line of tcptool's, and what Tab makes of it."""

import os
import pty
import re
import signal
import subprocess
import threading

import tool
from peer import PATIENCE

FOLDER = os.path.join(tool.SOURCE, "packaging", "completions")
FILES = {"bash": "tcptool.bash", "zsh": "_tcptool", "fish": "tcptool.fish"}
SHELLS = tuple(FILES)

_BASH = r"""
. /usr/share/bash-completion/bash_completion
. "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMP_KEY=9
shift 2
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_tcptool tcptool "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}" >"$OFFERS"
"""

# compadd is where everything that zsh offers comes through; -O, -A and -D only ask it something.
_ZSH = r"""
autoload -Uz compinit && compinit -u
PROMPT='ready> ' LISTMAX=10000  # the list is shown without a question
stty rows 1000
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a words suffix
  builtin compadd -A words "$@"
  zparseopts -E S:=suffix
  (( $#words )) && printf "$IPREFIX%s$suffix[2]\n" "${words[@]}" >>$OFFERS
  builtin compadd "$@"
}
offer() { zle list-choices; exit }
zle -N offer
bindkey '^T' offer
"""


class Shell:
    """One of the shells, with a home of its own in `folder`, and tcptool's completion from `file`
    (packaging/completions/... unless given)."""

    def __init__(self, name, folder, file=None):
        self.name, self.home = name, os.path.join(folder, name)
        self.file = file or os.path.join(FOLDER, FILES[name])
        self.results = os.path.join(self.home, "results")
        os.makedirs(os.path.join(self.home, ".ssh"), exist_ok=True)
        programs = os.path.join(self.home, "bin")
        if not os.path.isdir(programs):
            os.mkdir(programs)
            os.symlink(tool.TCPTOOL, os.path.join(programs, "tcptool"))
        self.env = tool.environment({
            "HOME": self.home, "ZDOTDIR": self.home, "OFFERS": self.results, "TERM": "xterm",
            "PATH": f"{programs}:{os.environ['PATH']}", "XDG_CONFIG_HOME": None,
            "XDG_DATA_HOME": None})

    def offers(self, line):
        """The set of words offered at the end of `line`; of `--option=value` the values alone."""
        with open(self.results, "w", encoding="utf-8"):
            pass
        getattr(self, "_" + self.name)(line)
        with open(self.results, encoding="utf-8") as file:
            words = {word.partition("\t")[0].strip() for word in file.read().splitlines()}
        head = line[line.rfind(" ") + 1:]
        head = head[:head.rfind("=") + 1]
        return {word.removeprefix(head) for word in words} - {""}

    def _run(self, *command, timeout=30):
        subprocess.run(command, env=self.env, cwd=self.home, stdin=tool.DEVNULL,
                       stdout=tool.PIPE, stderr=tool.PIPE, timeout=timeout * PATIENCE, check=False)

    def _bash(self, line):
        words = re.findall(r"[=:]+|[^\s=:]+", line)  # COMP_WORDBREAKS are words of their own
        self._run("bash", "--norc", "-c", _BASH, "bash", self.file, line,
                  *words, *([""] if line.endswith((" ", "=", ":")) else []))

    def _fish(self, line):
        self._run("fish", "--no-config", "-c",
                  "source $argv[1]; complete -C $argv[2] >$OFFERS", self.file, line)

    def _zsh(self, line):
        self._type(line + "\x14", _ZSH)

    def tab(self, keys):
        """Types `keys` at a prompt, where tcptool is a function: the words that it was given."""
        self._type(keys + "\n", {
            "bash": ". /usr/share/bash-completion/bash_completion; . '%s'; PS1='ready> '\n"
                    "tcptool() { printf '%%s\\n' \"$@\" >$OFFERS; exit; }\n" % self.file,
            "zsh": "autoload -Uz compinit && compinit -u; PROMPT='ready> '\n"
                   "tcptool() { printf '%s\\n' \"$@\" >$OFFERS; exit }\n",
            "fish": "source '%s'; function fish_prompt; echo -n 'ready> '; end\n"
                    "function tcptool; printf '%%s\\n' $argv >$OFFERS; kill %%self; end\n"
                    % self.file}[self.name])
        with open(self.results, encoding="utf-8") as file:
            return file.read().splitlines()

    def _type(self, keys, setup):
        """Runs the shell in a terminal, types `keys` once it has shown its prompt, and waits for
        its end."""
        rc = os.path.join(self.home, ".zshrc")
        if self.name == "zsh":
            setup = f"fpath=('{os.path.dirname(self.file)}' $fpath)\n" + setup
        with open(rc, "w", encoding="utf-8") as file:
            file.write(setup)
        command = {"bash": ["bash", "--noprofile", "--rcfile", rc, "-i"],
                   "zsh": ["zsh", "-d", "-i"],
                   "fish": ["fish", "--no-config", "-i", "-C", setup]}[self.name]
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.home)
            os.execvpe(command[0], command, self.env)
        watch = threading.Timer(60 * PATIENCE, os.kill, (pid, signal.SIGKILL))
        watch.start()
        shown, typed = b"", False
        try:
            while True:
                shown += os.read(terminal, 1 << 16)
                if not typed and b"ready> " in shown:
                    typed = True
                    os.write(terminal, keys.encode())
        except OSError:  # EIO: nobody has the terminal any more
            pass
        finally:
            os.waitpid(pid, 0)
            watch.cancel()
            os.close(terminal)
