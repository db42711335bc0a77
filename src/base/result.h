// SPDX-License-Identifier: MIT
// The one alias behind which the expected type stands, so that C++23's std::expected is a change of
// this file alone. An operation that may fail returns Result<T, E>; E names the operation and its
// object.
#pragma once

#include <tl/expected.hpp>
#include <utility>

namespace tcptool {

template <class T, class E>
using Result = tl::expected<T, E>;

// The failing half of a Result: `return failure(E{...});`.
template <class E>
tl::unexpected<std::decay_t<E>> failure(E&& error) {
  return tl::unexpected<std::decay_t<E>>(std::forward<E>(error));
}

}  // namespace tcptool
