# SPDX-License-Identifier: MIT
"""Which errors of which system call are tried: those that its manual page lists (man-pages 6.03),
with the ones that other pages give it: ip(7), tcp(7), and accept(2) under "Error handling"."""

_FILE = "EACCES EFAULT EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EPERM EROFS"
_SOCKET = "EBADF EFAULT EINVAL ENOTSOCK"

ERRNOS = {call: errnos.split() for call, errnos in {
    "accept4": f"{_SOCKET} EAGAIN ECONNABORTED EHOSTDOWN EHOSTUNREACH EINTR EMFILE ENETDOWN "
               "ENETUNREACH ENFILE ENOBUFS ENOMEM ENONET ENOPROTOOPT EOPNOTSUPP EPERM EPROTO "
               "ENOSR ESOCKTNOSUPPORT EPROTONOSUPPORT ETIMEDOUT",
    "bind": f"{_SOCKET} EACCES EADDRINUSE EADDRNOTAVAIL",
    "capset": "EFAULT EINVAL EPERM ESRCH",
    "clone3": "EAGAIN EBUSY EEXIST EINVAL ENOMEM ENOSPC EOPNOTSUPP EPERM EUSERS",
    "close": "EBADF EDQUOT EINTR EIO ENOSPC",
    "connect": f"{_SOCKET} EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY "
               "ECONNREFUSED EHOSTUNREACH EINTR EISCONN ENETUNREACH EPERM EPROTOTYPE ETIMEDOUT",
    "epoll_create1": "EINVAL EMFILE ENFILE ENOMEM",
    "epoll_ctl": "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM",
    "epoll_wait": "EBADF EFAULT EINTR EINVAL",
    "fcntl": "EACCES EAGAIN EBADF EBUSY EDEADLK EFAULT EINTR EINVAL EMFILE ENOLCK ENOTDIR EPERM",
    "fstat": "EBADF EFAULT ENOMEM EOVERFLOW",
    "getdents64": "EBADF EFAULT EINVAL ENOENT ENOTDIR",
    "getpeername": f"{_SOCKET} ENOBUFS ENOTCONN",
    "getsockname": f"{_SOCKET} ENOBUFS",
    "getsockopt": f"{_SOCKET} ENOPROTOOPT",
    "ioctl": "EBADF EFAULT EINVAL ENOTTY",
    "kill": "EINVAL EPERM ESRCH",
    "landlock_add_rule": "EBADF EBADFD EFAULT EINVAL ENOMSG EOPNOTSUPP EPERM",
    "landlock_create_ruleset": "E2BIG EFAULT EINVAL ENOMSG EOPNOTSUPP ENOSYS",
    "landlock_restrict_self": "E2BIG EBADF EBADFD EINVAL EOPNOTSUPP EPERM",
    "listen": "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP",
    "lseek": "EBADF EINVAL ENXIO EOVERFLOW ESPIPE",
    "mmap": "EACCES EAGAIN EBADF EINVAL ENFILE ENODEV ENOMEM EOVERFLOW EPERM ETXTBSY",
    "mprotect": "EACCES EINVAL ENOMEM",
    "munmap": "EINVAL ENOMEM",
    "newfstatat": f"{_FILE} EBADF EINVAL EOVERFLOW",
    "openat": f"{_FILE} EBADF EBUSY EDQUOT EEXIST EFBIG EINTR EINVAL EISDIR EMFILE ENFILE ENODEV "
              "EAGAIN ENOSPC ENXIO EOPNOTSUPP EOVERFLOW ETXTBSY",
    "pidfd_getfd": "EBADF EINVAL EMFILE ENFILE ENOSYS EPERM ESRCH",
    "pidfd_open": "EINVAL EMFILE ENFILE ENODEV ENOMEM ENOSYS ESRCH",
    "pipe2": "EFAULT EINVAL EMFILE ENFILE ENOPKG",
    "poll": "EFAULT EINTR EINVAL ENOMEM",
    "prctl": "EACCES EFAULT EINVAL EPERM",
    "pread64": "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR ENXIO EOVERFLOW ESPIPE",
    "prlimit64": "EFAULT EINVAL EPERM ESRCH",
    "read": "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR",
    "readlink": f"{_FILE} EINVAL",
    "recvfrom": f"{_SOCKET} EAGAIN ECONNREFUSED ECONNRESET EHOSTUNREACH EINTR ENOMEM ENOTCONN "
                "ETIMEDOUT",
    "recvmsg": f"{_SOCKET} EAGAIN ECONNREFUSED EINTR ENOMEM ENOTCONN",
    "rename": f"{_FILE} EBUSY EDQUOT EEXIST EINVAL EISDIR EMLINK ENOSPC ENOTEMPTY EXDEV",
    "rt_sigaction": "EFAULT EINVAL",
    "rt_sigprocmask": "EFAULT EINVAL",
    "seccomp": "EACCES ECANCELED EFAULT EINVAL ENOMEM ENOSYS EOPNOTSUPP ESRCH",
    "sendfile": "EAGAIN EBADF EFAULT EINTR EINVAL EIO ENOMEM ENOSYS EOVERFLOW EPIPE ESPIPE "
                "ECONNRESET",
    "sendto": f"{_SOCKET} EACCES EAGAIN EALREADY ECONNRESET EDESTADDRREQ EHOSTUNREACH EINTR "
              "EISCONN EMSGSIZE ENOBUFS ENOMEM ENOTCONN EOPNOTSUPP EPIPE ETIMEDOUT",
    "setsockopt": f"{_SOCKET} ENOPROTOOPT",
    "shutdown": "EBADF EINVAL ENOTCONN ENOTSOCK",
    "signalfd4": "EBADF EINVAL EMFILE ENFILE ENODEV ENOMEM",
    "socket": "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT",
    "splice": "EAGAIN EBADF EINTR EINVAL ENOMEM ENOSYS EPIPE ESPIPE ECONNRESET",
    "unlink": f"{_FILE} EBUSY EISDIR",
    "wait4": "ECHILD EINTR EINVAL ESRCH",
    "write": "EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE",
}.items()}

# After these all is delivered as if nothing had been; mostly the same call is to be made again.
AGAIN = {call: {"EAGAIN", "EINTR"} for call in
         ("accept4", "poll", "read", "recvfrom", "recvmsg", "sendfile", "sendto", "splice",
          "write", "epoll_wait", "wait4")} | {"close": {"EINTR"}}  # on Linux it is done

# Calls that are left alone, and why.
LEFT_ALONE = {
    "brk": "it returns no errno, and libc takes memory by mmap where it fails",
    "exit_group": "it does not return",
    "futex": "libc aborts where the kernel breaks this protocol",
    "getpid": "it cannot fail",
    "getrandom": "libc's own, for its tables",
    "gettid": "it cannot fail",
    "getuid": "it cannot fail",
    "restart_syscall": "not a call of the program's, but of the kernel's own",
    "rseq": "libc's own, for its threads",
    "set_robust_list": "libc's own, for its threads",
}

# Errors that are an answer, or that tell of somebody else than they seem to: nothing is asked of
# the words that follow.
ANSWERS = {
    "clone3": {"ENOMEM"},  # pthread_create makes EAGAIN of it
    "connect": {"EACCES", "EINVAL"},  # a route that prohibits, or that is a black hole
    "sendto": {"EACCES"},  # what ICMPv6 "administratively prohibited" is made of
    "fcntl": {"EBADF"},  # whether 0, 1 and 2 are open
}

# Errors that the network or the peer causes: after them a message may speak of either.
OF_THE_NETWORK = {"ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH",
                  "ENETDOWN", "ENETUNREACH", "ENONET", "ENOTCONN", "EPIPE", "EPROTO", "ETIMEDOUT"}
