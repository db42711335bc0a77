// SPDX-License-Identifier: MIT
// The unit tests' main function: doctest's own, with SIGPIPE ignored as the program has it.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <csignal>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return doctest::Context(argc, argv).run();
}
