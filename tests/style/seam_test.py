# SPDX-License-Identifier: MIT
"""The kernel seam: src/sys/linux_kernel*.cc make the system calls and read errno; nobody else does.

The source is read for calls written ::name( and for errno; the compiled objects are asked as well,
since a call can be written without the colons.
"""

import glob
import os
import re
import shutil
import subprocess

import tool
import tree

SEAM = re.compile(r"(src/sys/)?linux_kernel\w*\.cc(\.o)?")
CALLS = """
    accept accept4 bind capset chdir chmod clock_gettime clock_nanosleep clone close connect creat
    dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd execl execle
    execlp execv execve execvp execvpe fchmod fcntl fcntl64 fork freeaddrinfo fstat fstat64 fstatat
    fstatat64 fsync ftruncate getaddrinfo getdents64 getifaddrs getnameinfo getpeername getpid
    getppid getrlimit getrlimit64 getsockname getsockopt gettimeofday getuid if_indextoname
    if_nametoindex ioctl isatty kill link listen lseek lseek64 lstat lstat64 mkfifo mkstemp
    mkstemp64 nanosleep open open64 openat openat64 pause pidfd_getfd pidfd_open pipe pipe2 poll
    posix_spawn posix_spawnp ppoll prctl pread prlimit prlimit64 pselect pthread_kill
    pthread_sigmask pwrite raise read readlink readv recv recvfrom recvmmsg recvmsg rename renameat
    rmdir select send sendfile sendmmsg sendmsg sendto setitimer setrlimit setrlimit64 setsockopt
    shutdown sigaction signal signalfd sigprocmask sleep socket socketpair splice stat stat64
    syscall tcgetattr tcsetattr tee timerfd_create timerfd_gettime timerfd_settime unlink unlinkat
    usleep vfork vmsplice wait wait4 waitid waitpid write writev
""".split()
RAW = re.compile(r"(?<![\w>:.])::\s*(" + "|".join(CALLS) + r")\s*\(")
ERRNO = re.compile(r"\b(errno|__errno_location)\b")


def raw_calls(texts):
    """Every system call and every errno in the code outside the seam."""
    for path, text in tree.matching(texts, "src/*.cc", "src/*.h"):
        if SEAM.fullmatch(path):
            continue
        for number, line in tree.lines(tree.code(text)):
            for found in RAW.finditer(line):
                yield f"{path}:{number}: ::{found[1]}"
            if ERRNO.search(line):
                yield f"{path}:{number}: errno"


def called(objects):
    """(object, symbol) of each system call that compiled objects refer to."""
    for file in objects:
        output = subprocess.run(["nm", "--undefined-only", "--print-file-name", file],
                                capture_output=True, text=True, check=True).stdout
        for line in output.splitlines():
            where, _, symbol = line.rpartition(" U ")
            symbol = symbol.strip().partition("@")[0]
            if symbol in CALLS:
                yield where.split("/")[-1].rstrip(": "), symbol


class Seam(tool.TestCase):
    def test_source_calls_the_system_in_the_seam_only(self):
        texts = tree.files()
        seam = [path for path in texts if SEAM.fullmatch(path)]
        self.assertTrue(any(ERRNO.search(tree.code(texts[path])) for path in seam), seam)
        for path in seam:
            self.assertTrue(RAW.search(tree.code(texts[path])), f"{path} makes no call")
        self.assert_none(raw_calls(texts))

    def test_objects_call_the_system_in_the_seam_only(self):
        if not shutil.which("nm"):
            self.skipTest("nm is missing (package binutils)")
        build = os.path.dirname(tool.TCPTOOL)
        objects = glob.glob(f"{build}/src/CMakeFiles/*/**/*.o", recursive=True)
        # fmt's and spdlog's own code, of which the link keeps what is used.
        ours = [file for file in objects if not file.endswith("/libraries.cc.o")]
        self.assertEqual(1, len(objects) - len(ours))
        found = set(called(ours))
        self.assertIn(("linux_kernel.cc.o", "socket"), found, "not the objects of the seam")
        strays = sorted(item for item in found if not SEAM.fullmatch(item[0]))
        self.assert_none(strays)

    def test_raw_calls_and_errno_are_found(self):
        bad = ["int a = ::socket(1, 2, 3);", "if (::close(fd) < 0) return;", "return errno;",
               "x = ::syscall(SYS_gettid);", "auto e = *__errno_location();",
               'say("::" ); ::connect (fd, a, b);']
        good = ["kernel.socket(1, 2, 3);", "// ::socket(1) sets errno", 'say("errno");',
                "#include <cerrno>\n#include <errno.h>", "kernel->close(fd); Fd::close();",
                "int errno_name(int error);", "tcp::connect(kernel, peer);", "auto c = 1'000'000;",
                "/* ::read(0) */", 'R"(::read(0))"']
        for text in bad:
            self.assertEqual(1, len(list(raw_calls({"src/tcp/a.cc": text}))), text)
        for text in good:
            self.assertEqual([], list(raw_calls({"src/tcp/a.cc": text})), text)

    def test_a_call_without_colons_is_found_in_the_object(self):
        compiler = shutil.which("c++") or shutil.which("g++")
        if not compiler or not shutil.which("nm"):
            self.skipTest("a compiler or nm is missing (packages g++, binutils)")
        source = os.path.join(self.tmp, "stray.cc")
        with open(source, "w", encoding="ascii") as file:
            file.write("#include <unistd.h>\nint f(int fd) { return close(fd); }\n")
        subprocess.run([compiler, "-c", source, "-o", source + ".o"], check=True)
        self.assertEqual([("stray.cc.o", "close")], list(called([source + ".o"])))


if __name__ == "__main__":
    tool.main()
