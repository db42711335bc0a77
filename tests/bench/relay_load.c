// SPDX-License-Identifier: MIT
// The neighbours of the programs that relay.py measures, which compiles this: what feeds their
// stdin, reads their stdout, and starts them. Every answer is numbers on stdout.
//
//   source BYTES BLOCK           writes so much of the pattern to stdout, BLOCK bytes a call
//   count                        reads stdin to its end, the cheapest way -> bytes
//   check                        the same, and compares -> bytes, those that are out of place
//   ping SIZE TIMES CIN COUT SIN SOUT
//     round trips: the client's stdin, the server's stdout, the server's stdin, the client's stdout
//     -> p50 us, p99 us, bytes that are wrong
//   echo                         an echo server -> its port, and serves until stdin ends
//   shots TIMES COMMAND...       starts it TIMES times, gives each one byte on stdin and reads
//     stdout to its end -> a line each: wall us, peak RSS KiB, status, bytes that came
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

// A prime, so that a block which is lost, doubled or moved shows, whatever its size.
enum { period = 65521, most_block = 131072, patience_ms = 5000 };

static unsigned char pattern[period + most_block];

static void make_pattern(void) {
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < period; ++i) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    pattern[i] = (unsigned char)(state >> 24);
  }
  for (size_t i = period; i < sizeof pattern; ++i) pattern[i] = pattern[i - period];
}

static int source(uint64_t bytes, size_t block) {
  make_pattern();
  for (uint64_t at = 0; at < bytes;) {
    const size_t left = bytes - at < block ? (size_t)(bytes - at) : block;
    const ssize_t gone = write(STDOUT_FILENO, pattern + at % period, left);
    if (gone < 0 && errno == EPIPE) return 3;
    if (gone < 0) die("write");
    at += (uint64_t)gone;
  }
  return 0;
}

static ssize_t discard(int null) {
  static char buffer[most_block];
  const ssize_t gone = splice(STDIN_FILENO, NULL, null, NULL, 1 << 20, 0);
  return gone < 0 && errno == EINVAL ? read(STDIN_FILENO, buffer, sizeof buffer) : gone;
}

static int count(void) {
  const int null = open("/dev/null", O_WRONLY);
  uint64_t bytes = 0;
  ssize_t got = 0;
  while ((got = discard(null)) > 0) bytes += (uint64_t)got;
  if (got < 0) die("count");
  printf("%llu\n", (unsigned long long)bytes);
  return 0;
}

static int check(void) {
  static unsigned char buffer[most_block];
  make_pattern();
  uint64_t bytes = 0, wrong = 0;
  ssize_t got = 0;
  while ((got = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
    const unsigned char* right = pattern + bytes % period;
    if (memcmp(buffer, right, (size_t)got) != 0) {
      for (ssize_t i = 0; i < got; ++i) wrong += buffer[i] != right[i];
    }
    bytes += (uint64_t)got;
  }
  if (got < 0) die("check");
  printf("%llu %llu\n", (unsigned long long)bytes, (unsigned long long)wrong);
  return 0;
}

// ---------------------------------------------------------------------------------------- ping

static void carry(int in, int out, char* data, size_t size) {
  if (write(in, data, size) != (ssize_t)size) die("ping: write");
  for (size_t at = 0; at < size;) {
    struct pollfd waiting = {out, POLLIN, 0};
    if (poll(&waiting, 1, patience_ms) != 1) die("ping: nothing came");
    const ssize_t got = read(out, data + at, size - at);
    if (got <= 0) die("ping: read");
    at += (size_t)got;
  }
}

static int ping(size_t size, int times, char** fds) {
  const int client_in = atoi(fds[0]), client_out = atoi(fds[1]);
  const int server_in = atoi(fds[2]), server_out = atoi(fds[3]);
  char* data = malloc(size);
  make_pattern();
  size_t wrong = 0;
  double* took = calloc((size_t)times, sizeof *took);
  for (int i = -times / 10; i < times; ++i) {
    const unsigned char* sent = pattern + (i + times) % period;
    memcpy(data, sent, size);
    const double begin = now();
    carry(client_in, server_out, data, size);
    carry(server_in, client_out, data, size);
    if (i >= 0) took[i] = (now() - begin) * 1e6;
    for (size_t at = 0; at < size; ++at) wrong += (unsigned char)data[at] != sent[at];
  }
  qsort(took, (size_t)times, sizeof *took, compare);
  printf("%.3f %.3f %zu\n", took[times / 2], took[times * 99 / 100], wrong);
  return 0;
}

// --------------------------------------------------------------------------------------- shots

static int echo(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)&address, length) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, (struct sockaddr*)&address, &length) != 0) {
    die("listen");
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct pollfd waiting[2] = {{listener, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  while (poll(waiting, 2, -1) > 0 && waiting[1].revents == 0) {
    char buffer[4096];
    const int client = accept(listener, NULL, NULL);
    ssize_t got = 0;
    while ((got = read(client, buffer, sizeof buffer)) > 0) {
      if (send(client, buffer, (size_t)got, MSG_NOSIGNAL) != got) break;
    }
    close(client);
  }
  return 0;
}

static pid_t begin(char** command, int in, int out) {
  const pid_t child = vfork();
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execvp(command[0], command);
    _exit(127);
  }
  return child;
}

static void shoot(char** command) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) die("pipe2");
  const double start = now();
  const pid_t child = begin(command, in[0], out[1]);
  close(in[0]), close(out[1]);
  char buffer[64];
  ssize_t came = write(in[1], "x", 1) == 1 ? 0 : -1, got = 0;
  close(in[1]);
  while ((got = read(out[0], buffer, sizeof buffer)) > 0) came += got;
  struct rusage usage;
  int status = 0;
  wait4(child, &status, 0, &usage);
  printf("%.1f %ld %d %zd\n", (now() - start) * 1e6, usage.ru_maxrss, status, came);
  close(out[0]);
}

static int shots(int times, char** command) {
  for (int i = 0; i < times; ++i) shoot(command);
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  signal(SIGPIPE, SIG_IGN);
  if (strcmp(what, "source") == 0 && argc == 4 && atoi(argv[3]) <= most_block) {
    return source(strtoull(argv[2], NULL, 10), (size_t)atoi(argv[3]));
  }
  if (strcmp(what, "count") == 0 && argc == 2) return count();
  if (strcmp(what, "check") == 0 && argc == 2) return check();
  if (strcmp(what, "ping") == 0 && argc == 8 && atoi(argv[2]) <= most_block) {
    return ping((size_t)atoi(argv[2]), atoi(argv[3]), argv + 4);
  }
  if (strcmp(what, "echo") == 0 && argc == 2) return echo();
  if (strcmp(what, "shots") == 0 && argc >= 4) return shots(atoi(argv[2]), argv + 3);
  fprintf(stderr, "relay_load: the words are at the top of relay_load.c\n");
  return 2;
}
