// SPDX-License-Identifier: MIT
// A file of its own: it alone is compiled again for a new commit. TCPTOOL_COMMIT is what
// packaging/commit.sh says.
#include <fmt/format.h>
#include <gnu/libc-version.h>

#include "cli/declare.h"
#include "cli/parse.h"

namespace tcptool::cli {

std::string_view version() {
  return TCPTOOL_VERSION;
}

std::string version_text() {
  return fmt::format(
      "tcptool {}\n"
      "commit {}\n"
      "built with {}, libstdc++ {}; running with glibc {}\n",
      version(), TCPTOOL_COMMIT, TCPTOOL_LIBRARIES, _GLIBCXX_RELEASE, gnu_get_libc_version());
}

}  // namespace tcptool::cli
