// SPDX-License-Identifier: MIT
// What the kernel alone costs: one connection and the cheapest calls for its stdin and stdout, with
// no options, no telemetry, no count of bytes and no care for errors. relay.py measures tcptool
// beside it, as the limit of what a program of this kind can reach here.
//
//   listen HOST PORT TASK, connect HOST PORT TASK      TASK: send, receive, both
//
// As tcptool does, it reads and writes until a mebibyte has flowed; then stdin goes by splice (a
// pipe) or sendfile (a file), and what is received by splice (a pipe), by splice through a pipe of
// its own (a file) or by recv with MSG_TRUNC (/dev/null).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"

enum { first = 1 << 20, most = 1 << 20, buffer_size = 131072, enlarged = 262144 };

struct flow {
  int in, out, own[2];  // own: the pipe before a file
  ssize_t (*step)(struct flow*);
  uint64_t moved;
  int waits_for_out;
};

static char buffer[buffer_size];

static int is_again(ssize_t moved) {
  return moved < 0 && (errno == EAGAIN || errno == EINTR);
}

static void write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t gone = write(fd, data, size);
    if (gone < 0 && !is_again(gone)) die("write");
    if (gone > 0) data += gone, size -= (size_t)gone;
    struct pollfd waiting = {fd, POLLOUT, 0};
    if (gone < 0) poll(&waiting, 1, -1);
  }
}

static ssize_t copy(struct flow* flow) {
  const ssize_t got = read(flow->in, buffer, sizeof buffer);
  if (got > 0) write_all(flow->out, buffer, (size_t)got);
  return got;
}

static ssize_t splice_on(struct flow* flow) {
  return splice(flow->in, NULL, flow->out, NULL, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

static ssize_t send_file(struct flow* flow) {
  return sendfile(flow->out, flow->in, NULL, most);
}

static ssize_t splice_to_file(struct flow* flow) {
  const ssize_t got =
      splice(flow->in, NULL, flow->own[1], NULL, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  for (ssize_t left = got; left > 0;) {
    const ssize_t gone = splice(flow->own[0], NULL, flow->out, NULL, (size_t)left, SPLICE_F_MOVE);
    if (gone <= 0) die("splice");
    left -= gone;
  }
  return got;
}

static ssize_t discard(struct flow* flow) {
  return recv(flow->in, NULL, most, MSG_TRUNC);
}

// The step for much data.
static void choose(struct flow* flow, int sends) {
  struct stat status;
  fstat(sends ? flow->in : flow->out, &status);
  const int appends = (fcntl(flow->out, F_GETFL) & O_APPEND) != 0;
  if (S_ISFIFO(status.st_mode)) {
    fcntl(sends ? flow->in : flow->out, F_SETPIPE_SZ, enlarged);
    flow->step = splice_on;
  } else if (S_ISREG(status.st_mode) && sends) {
    flow->step = send_file;
  } else if (S_ISREG(status.st_mode) && !appends && pipe2(flow->own, O_CLOEXEC) == 0) {
    fcntl(flow->own[0], F_SETPIPE_SZ, most);
    flow->step = splice_to_file;
  } else if (S_ISCHR(status.st_mode) && !sends) {
    flow->step = discard;
  }
}

// Until nothing more can be moved now; false at the end.
static int move(struct flow* flow, int sends) {
  ssize_t moved = 0;
  while ((moved = flow->step(flow)) > 0) {
    const uint64_t before = flow->moved;
    flow->moved += (uint64_t)moved;
    if (before < first && flow->moved >= first) choose(flow, sends);
    flow->waits_for_out = 0;
    if (flow->step == copy) return 1;  // stdin may block
  }
  if (moved < 0 && !is_again(moved)) die("move");
  // EAGAIN of splice is either end's; of the others it is known whose.
  if (flow->step == splice_on) {
    flow->waits_for_out = !flow->waits_for_out;
  } else {
    flow->waits_for_out = flow->step == send_file;
  }
  return moved < 0;
}

static int open_socket(int listens, const char* host, const char* port) {
  const int one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  inet_pton(AF_INET, host, &address.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (!listens) {
    if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) die("connect");
    return fd;
  }
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 1) != 0) die("bind");
  const int client = accept(fd, NULL, NULL);
  close(fd);
  return client;
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "relay_bare: the words are at the top of relay_bare.c\n");
    return 2;
  }
  const char* task = argv[4];
  const int fd = open_socket(strcmp(argv[1], "listen") == 0, argv[2], argv[3]);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  struct flow flows[2] = {{STDIN_FILENO, fd, {-1, -1}, copy, 0, 0},
                          {fd, STDOUT_FILENO, {-1, -1}, copy, 0, 0}};
  int going[2] = {strcmp(task, "receive") != 0, strcmp(task, "send") != 0};
  if (!going[0]) shutdown(fd, SHUT_WR);
  while (going[0] || going[1]) {
    struct pollfd waiting[2];
    for (int i = 0; i < 2; ++i) {
      const int out = flows[i].waits_for_out;
      waiting[i].fd = going[i] ? (out ? flows[i].out : flows[i].in) : -1;
      waiting[i].events = out ? POLLOUT : POLLIN;
    }
    if (poll(waiting, 2, -1) < 0) die("poll");
    for (int i = 0; i < 2; ++i) {
      if (!going[i] || waiting[i].revents == 0) continue;
      going[i] = move(&flows[i], i == 0);
      if (!going[i] && i == 0) shutdown(fd, SHUT_WR);
      if (!going[i] && i == 1) close(STDOUT_FILENO);
    }
  }
  return 0;
}
