# SPDX-License-Identifier: MIT
"""README's sessions over loopback, where it is installed too (packaging/check-install.sh)."""

import readme
import tool
from readme import blocks, commands, loosely, pattern_of, unlike


class Readme(readme.Sessions):
    def test_a_first_session(self):
        listen, connect, heard, refused = blocks(self.readme, "A first session")
        first, second = self.terminal(), self.terminal()
        ((command, says),) = commands(listen)
        first.start(command)
        first.wait_for("^listening on .*\n")
        for command, said in commands(connect):
            self.assert_shown(said, second.run(command))
        self.assert_shown(says + heard, first.end())
        for command, said in commands(refused):
            self.assert_shown(said, second.run(command))

    def test_the_accept_queue_fills(self):
        listen, connect, drops, accepted = blocks(self.readme, "Watching the accept queue")
        first, second = self.terminal(), self.terminal()
        ((listener, says),) = commands(listen)
        clients, status = commands(connect)
        first.start(listener)
        first.wait_for("^holding: .*\n")
        second.start(clients[0])
        second.wait_for("^holding .*\n")
        second.press("\x04")
        self.assert_shown(clients[1], second.end())
        self.assert_shown(status[1], second.run(status[0]))
        first.press("\x03")
        self.assert_shown(loosely(says + drops), first.end())

        first.start(listener.replace("--hold forever", "-k --hold 4s"))
        first.wait_for("^holding: .*\n")
        second.start(clients[0].replace("-w 4s", "-w 10s"))
        first.wait_for("(?s)^hold over.*(^accepted .*){4}\n")
        first.wait_for("(?s)^hold over.*^queue 0/1, .*\n")
        first.press("\x03")
        shown = first.end()
        # The queue is looked at by a clock of its own: its line may stand anywhere among them.
        looked = [line for line in accepted if line.startswith("queue ")]
        self.assertEqual(1, len(looked))
        self.assert_shown(loosely(line for line in accepted if line not in looked), shown)
        self.assert_shown(loosely(looked), shown)

    def test_many_clients(self):
        (block,) = blocks(self.readme, "Many clients")
        terminal = self.terminal()
        listen, connect, kill = commands(block)
        terminal.start(listen[0])
        terminal.wait_for("listening .*\n")
        terminal.start(connect[0])
        for line in connect[1]:
            terminal.wait_for(pattern_of(line) + "\n")
        terminal.start(kill[0])
        terminal.wait_for(pattern_of(kill[1][0]) + "\n")

    def test_every_system_call(self):
        (block,) = blocks(self.readme, "Every system call")
        first, second = self.terminal(), self.terminal()
        first.start("tcptool listen -p 9000")
        first.wait_for("^listening on .*\n")
        ((command, says),) = commands(block)
        self.assert_shown(says, second.run(command))

    def test_differences_are_found(self):
        shown = ["connected 127.0.0.1:40001 -> 127.0.0.1:9000  (handshake 0.1 ms)", "two", "three"]
        line = "connected 127.0.0.1:53214 -> 127.0.0.1:9000  (handshake 12 ms)"
        for expected in ([line, "two", "three"], [line, "...", "three"], ["...", "t...", "..."]):
            self.assertIsNone(unlike(expected, shown), expected)
        for expected in ([line, "three"], [line, "two"], [line.replace("9000", "9001"), "..."],
                         ["two", "three"], ["...", "two"], ["...", "three", "two"], []):
            self.assertIsNotNone(unlike(expected, shown), expected)


if __name__ == "__main__":
    tool.main()
