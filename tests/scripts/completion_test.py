# SPDX-License-Identifier: MIT
"""What bash, zsh and fish complete behind `tcptool`: the shells themselves are asked."""

import os
import re

import shells
import tool


def values_of(command, option):
    """The values that tcptool says an option may have, when it is given another."""
    result = tool.run(command, f"{option}=no-such-value", "localhost", 1)
    found = re.search(r"is none of (.*)$", result.stderr.partition("\n")[0])
    if not found:
        raise tool.Failure(f"{option} tells no values{result}")
    return set(found[1].split(", "))


class Completion(tool.TestCase):
    def each(self):
        return [shells.Shell(name, self.tmp) for name in shells.SHELLS]

    def assert_offers(self, words, shell, line):
        """All of the words are offered."""
        offered = shell.offers(line)
        missing = sorted(set(words) - offered)
        self.assertEqual([], missing, f"{shell.name}: {line!r} offers only {sorted(offered)}")

    def assert_exactly(self, words, shell, line):
        self.assertEqual(sorted(words), sorted(shell.offers(line)), f"{shell.name}: {line!r}")

    def test_commands(self):
        for shell in self.each():
            self.assert_exactly(["listen", "connect", "help"], shell, "tcptool ")
            self.assert_exactly(["connect"], shell, "tcptool c")
            self.assert_exactly(["listen", "connect"], shell, "tcptool help ")

    def test_values_are_those_that_tcptool_takes(self):
        options = [("connect", name) for name in (
            "--color", "--diagnose", "--progress", "--sandbox",
            "--trace-format", "--trace-filter")]
        for command, option in [*options, ("listen", "--serve")]:
            values = values_of(command, option)
            self.assertGreater(len(values), 1, option)
            for shell in self.each():
                self.assert_exactly(values, shell, f"tcptool {command} {option}=")
                if option != "--progress":  # whose value stands behind = alone
                    self.assert_exactly(values, shell, f"tcptool {command} {option} ")
        for shell in self.each():
            self.assert_exactly(["forever"], shell, "tcptool listen --hold ")

    def test_hosts_are_those_that_ssh_completes(self):
        for shell in self.each():
            with open(os.path.join(shell.home, ".ssh", "known_hosts"), "w",
                      encoding="ascii") as file:
                file.write("lab-one.example ssh-ed25519 AAAAC3Nz\n"
                           "lab-two.example,192.0.2.7 ssh-ed25519 AAAAC3Nz\n")
            self.assert_exactly(["lab-one.example", "lab-two.example"], shell,
                                "tcptool connect -w 3s lab-")
            self.assert_offers(["localhost"], shell, "tcptool connect --json local")  # /etc/hosts
            with open(os.path.join(shell.home, ".ssh", "config"), "w", encoding="ascii") as file:
                file.write("Host jump-box *.wild\n  HostName lab-one.example\n")
            self.assert_exactly(["jump-box"], shell, "tcptool connect jump")

    def test_services(self):
        for shell in self.each():
            for line in ("connect localhost ", "connect -n -w 3s localhost ", "listen ",
                         "listen -p ", "listen -b 1 -k 127.0.0.1 "):
                self.assert_offers(["http", "https"], shell, f"tcptool {line}htt")
                self.assertNotIn("ntp", shell.offers(f"tcptool {line}nt"))  # over UDP alone

    def test_interfaces_and_addresses_are_this_hosts(self):
        for shell in self.each():
            self.assert_offers(os.listdir("/sys/class/net"), shell, "tcptool listen -i ")
            self.assert_offers(["lo"], shell, "tcptool connect --interface=")
            self.assert_offers(["lo"], shell, "tcptool connect -o SO_BINDTODEVICE=")
            self.assert_offers(["127.0.0.1"], shell, "tcptool connect -s 127")
            self.assert_offers(["127.0.0.1"], shell, "tcptool listen 127")

    def test_values_of_socket_options(self):
        with open("/proc/sys/net/ipv4/tcp_available_congestion_control", encoding="ascii") as file:
            known = file.read().split()
        for shell in self.each():
            self.assert_exactly(["TCP_NODELAY"], shell, "tcptool listen -o TCP_NODE")
            self.assert_exactly(known, shell, "tcptool connect -o TCP_CONGESTION=")
            self.assert_exactly(["reno"], shell, "tcptool connect --option=TCP_CONGESTION=ren")

    def test_files(self):
        for shell in self.each():
            with open(os.path.join(shell.home, "a-file"), "w", encoding="ascii"):
                pass
            for option in ("listen --port-file ", "connect --trace "):
                self.assert_exactly(["a-file"], shell, f"tcptool {option}a-f")

    def test_two_dashes_begin_a_command_of_its_own(self):
        for shell in self.each():
            self.assert_offers(["seq"], shell, "tcptool listen 9000 -- se")
            self.assert_exactly([], shell, "tcptool listen 9000 -- true --keep-o")
            self.assert_exactly(["--keep-open"], shell,
                                "tcptool listen -k 9000 -- tcptool listen --keep-o")

    def test_nothing_where_nothing_is_known(self):
        for shell in self.each():
            for line in ("connect -w ", "listen -b ", "no-such-command ",
                         "connect --keepalive=", "listen --allow "):
                self.assert_exactly([], shell, f"tcptool {line}")

    def test_the_tab_key(self):
        for shell in self.each():
            given = shell.tab("tcptool conn\t--trace-form\tstr\t--paral\t3 host 80")
            self.assertEqual("connect --trace-format strace --parallel 3 host 80",
                             " ".join(given).replace("=", " "))


if __name__ == "__main__":
    tool.main()
