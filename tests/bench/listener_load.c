// SPDX-License-Identifier: MIT
// The clients of listener.py, which compiles this. Every answer is one line of numbers on stdout.
//
//   rate PORT COUNT PARALLEL STALL_MS MOST_MS < the server's stdout
//     COUNT connections, each of which sends one line of its own and closes. With PARALLEL 1 the
//     next begins once the line has come out at the server.
//     -> seconds, lines that came, lines that came twice or are not ours, connections that failed
//   hold PORT COUNT
//     Opens COUNT connections -> those that stand; then obeys lines on stdin:
//     ping N     N one-byte round trips on a connection of its own -> p50 us, p99 us, bytes wrong
//     round N    N one-byte round trips, each on the next connection -> seconds, bytes wrong
//     mark       sends a line of its own on every connection -> those that were sent whole
//   serve PORT
//     What no server can beat by much: epoll, a read, a write to stdout and a close a connection.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { line_length = 9, most_events = 256, patience_ms = 5000 };

// A connect that is under way, from one of 200 addresses, so that no source port runs out.
static int open_client(int port, int number) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(0x7f010001u + (unsigned)number % 200);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)port);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0 && errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  return fd;
}

static int connected(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
}

static void watch(int poll, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

// --------------------------------------------------------------------------------------- serve

static int serve(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1, poll = epoll_create1(EPOLL_CLOEXEC);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  if (listen(listener, 4096) != 0) die("listen");
  watch(poll, listener, EPOLLIN, 0);
  while (1) {
    static char buffer[65536];
    struct epoll_event events[most_events];
    const int ready = epoll_wait(poll, events, most_events, -1);
    for (int i = 0; i < ready; ++i) {
      int fd = (int)events[i].data.u64;
      if (fd != 0) {
        const ssize_t got = read(fd, buffer, sizeof buffer);
        if (got > 0 && write(1, buffer, (size_t)got) != got) die("write");
        if (got == 0 || (got < 0 && errno != EAGAIN)) close(fd);
        continue;
      }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        watch(poll, fd, EPOLLIN | EPOLLRDHUP, (uint64_t)fd);
      }
    }
  }
}

// ---------------------------------------------------------------------------------------- rate

struct lines {
  unsigned char* seen;
  int count, came, wrong;
  char part[line_length];
  int part_length;
};

static void check_line(struct lines* lines) {
  char* end = NULL;
  const long number = strtol(lines->part, &end, 10);
  const int ours = end == lines->part + line_length - 1 && *end == '\n' && number < lines->count;
  if (ours && number >= 0 && !lines->seen[number]) {
    lines->seen[number] = 1;
    ++lines->came;
  } else {
    ++lines->wrong;
  }
}

// What the server has written; whether there is more to come.
static int read_lines(struct lines* lines) {
  static char buffer[65536];
  ssize_t got = 0;
  while ((got = read(0, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < got; ++at) {
      lines->part[lines->part_length++] = buffer[at];
      if (lines->part_length < line_length) continue;
      check_line(lines);
      lines->part_length = 0;
    }
  }
  return got < 0 && errno == EAGAIN;
}

static int rate(int port, int count, int parallel, double stall, double most) {
  struct lines lines = {.seen = calloc((size_t)count, 1), .count = count};
  int(*clients)[2] = calloc((size_t)parallel, sizeof *clients);  // descriptor, number
  int started = 0, under_way = 0, ended = 0, failed = 0, open = 1;
  fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);  // a pipe end of our own
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  watch(poll, 0, EPOLLIN, 0);
  int* idle = calloc((size_t)parallel, sizeof *idle);
  int idle_count = 0;
  for (int i = 0; i < parallel; ++i) idle[idle_count++] = i;
  const double begin = now();
  double moved = begin;
  while (open && (ended < count || lines.came < count - failed)) {
    if (now() - moved > stall || now() - begin > most) break;
    while (idle_count > 0 && started < count && (parallel > 1 || lines.came >= ended - failed)) {
      const int slot = idle[--idle_count];
      clients[slot][0] = open_client(port, started);
      clients[slot][1] = started++;
      if (clients[slot][0] < 0) {
        ++failed, ++ended;
        idle[idle_count++] = slot;
        continue;
      }
      ++under_way;
      watch(poll, clients[slot][0], EPOLLOUT, (uint64_t)slot + 1);
    }
    struct epoll_event events[most_events];
    const int ready = epoll_wait(poll, events, most_events, 100);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.u64 == 0) {
        const int before = lines.came;
        open = read_lines(&lines);
        if (lines.came > before) moved = now();
        continue;
      }
      const int slot = (int)events[i].data.u64 - 1;
      const int fd = clients[slot][0];
      char line[32];
      snprintf(line, sizeof line, "%08d\n", clients[slot][1]);
      if (!connected(fd) || send(fd, line, line_length, MSG_NOSIGNAL) != line_length) ++failed;
      close(fd);
      ++ended, --under_way;
      idle[idle_count++] = slot;
    }
  }
  printf("%.6f %d %d %d\n", moved - begin, lines.came, lines.wrong, failed);
  return 0;
}

// ---------------------------------------------------------------------------------------- hold

// A byte there and back; 0 where it was not the same, or did not come in time.
static int round_trip(int fd, char byte) {
  struct pollfd waiting = {fd, POLLIN, 0};
  char back = 0;
  return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && poll(&waiting, 1, patience_ms) == 1 &&
         recv(fd, &back, 1, 0) == 1 && back == byte;
}

static void ping(int port, int times) {
  const int fd = open_client(port, 0);
  struct pollfd waiting = {fd, POLLOUT, 0};
  if (fd < 0 || poll(&waiting, 1, patience_ms) != 1 || !connected(fd)) die("ping: connect");
  double* took = calloc((size_t)times, sizeof *took);
  int wrong = 0;
  for (int i = -times / 10; i < times && wrong == 0; ++i) {
    const double begin = now();
    wrong += !round_trip(fd, (char)i);
    if (i >= 0) took[i] = now() - begin;
  }
  close(fd);
  qsort(took, (size_t)times, sizeof *took, compare);
  printf("%.3f %.3f %d\n", took[times / 2] * 1e6, took[times * 99 / 100] * 1e6, wrong);
  free(took);
}

static void round_of_all(const int* fds, int count, int times) {
  int wrong = 0;
  const double begin = now();
  for (int i = 0; i < times && wrong == 0; ++i) wrong += !round_trip(fds[i % count], (char)i);
  printf("%.6f %d\n", now() - begin, wrong);
}

static void mark(const int* fds, int count) {
  int whole = 0;
  for (int i = 0; i < count; ++i) {
    char line[32];
    snprintf(line, sizeof line, "%08d\n", i);
    whole += send(fds[i], line, line_length, MSG_NOSIGNAL) == line_length;
  }
  printf("%d\n", whole);
}

static int hold(int port, int count) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int* fds = calloc((size_t)count + 1, sizeof *fds);
  int standing = 0;
  for (int i = 0; i < count; ++i) {
    const int fd = open_client(port, i);
    struct pollfd waiting = {fd, POLLOUT, 0};
    if (fd < 0 || poll(&waiting, 1, patience_ms) != 1 || !connected(fd)) break;
    fds[standing++] = fd;
  }
  printf("%d\n", standing);
  fflush(stdout);
  char command[64];
  while (fgets(command, sizeof command, stdin) != NULL) {
    if (strncmp(command, "ping ", 5) == 0) ping(port, atoi(command + 5));
    if (strncmp(command, "round ", 6) == 0) round_of_all(fds, standing, atoi(command + 6));
    if (strcmp(command, "mark\n") == 0) mark(fds, standing);
    fflush(stdout);
  }
  return 0;
}

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 7 && strcmp(argv[1], "rate") == 0) {
    return rate(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atof(argv[5]) / 1e3,
                atof(argv[6]) / 1e3);
  }
  if (argc == 4 && strcmp(argv[1], "hold") == 0) return hold(atoi(argv[2]), atoi(argv[3]));
  if (argc == 3 && strcmp(argv[1], "serve") == 0) return serve(atoi(argv[2]));
  fprintf(stderr, "usage: listener_load rate|hold|serve PORT ...\n");
  return 2;
}
