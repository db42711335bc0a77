// SPDX-License-Identifier: MIT
#include "cmd/attempt_messages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cmd/explain.h"

namespace tcptool::cmd {
namespace {

using diagnose::Diagnosis;

// The text with a blank in each place of `word`.
std::string without(std::string text, const std::string& word) {
  for (auto at = text.find(word); !word.empty() && at != std::string::npos; at = text.find(word)) {
    text.replace(at, word.size(), " ");
  }
  return text;
}

// A diagnosis that has a block, and the messages that it stands for.
struct Block {
  const Diagnosis* diagnosis;
  std::string host;
  std::size_t message;  // that has the block
  std::vector<std::string> same;

  [[nodiscard]] bool stands_for(const Diagnosis& other, const std::string& other_host) const {
    const auto state = [](const diagnose::LayerRow& a, const diagnose::LayerRow& b) {
      return a.layer == b.layer && a.state == b.state;
    };
    const std::vector<diagnose::LayerRow>& rows = diagnosis->layers;
    return diagnosis->cause == other.cause && diagnosis->or_else == other.or_else &&
           std::equal(rows.begin(), rows.end(), other.layers.begin(), other.layers.end(), state) &&
           without(diagnosis->explanation, host) == without(other.explanation, other_host);
  }
};

std::size_t lines_of(const std::vector<Message>& messages) {
  std::size_t lines = messages.size();
  for (const Message& message : messages) lines += message.details.size();
  return lines;
}

// What was said while they were tried and probed, and the verdict, are on the same screen: from the
// last block on each but the first is folded to its cause, and if need be to the attempt alone.
void fit(std::vector<Message>& messages, const std::vector<Block>& blocks) {
  constexpr std::size_t most_lines = 17;
  for (const bool with_cause : {true, false}) {
    for (std::size_t i = blocks.size(); i > 1 && lines_of(messages) > most_lines; --i) {
      const Block& block = blocks[i - 1];
      auto& details = messages[block.message].details;
      const std::string last = details.empty() ? "" : details.back();  // "same for", perhaps
      details.clear();
      if (with_cause) details.push_back(cause_line(*block.diagnosis));
      if (with_cause && !block.same.empty()) details.push_back(last);
    }
  }
}

}  // namespace

std::vector<Message> attempt_messages(std::span<const tcp::Attempt> attempts,
                                      std::span<const std::optional<Diagnosis>> diagnoses) {
  constexpr std::size_t most_blocks = 2;
  std::vector<Message> messages;
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    if (attempts[i].end == tcp::Attempt::End::connected) continue;
    const bool known = i < diagnoses.size() && diagnoses[i];
    const std::string headline = known ? diagnoses[i]->headline : std::string();
    Message& message = messages.emplace_back(attempt_message(attempts[i], {}, headline));
    if (!known) continue;
    const Diagnosis& diagnosis = *diagnoses[i];
    const std::string host = attempts[i].peer.host();
    add_diagnosis(message, diagnosis);
    const auto same = std::find_if(blocks.begin(), blocks.end(), [&](const Block& block) {
      return block.stands_for(diagnosis, host);
    });
    if (same != blocks.end()) {
      message.details.clear();
      same->same.push_back(host);
      continue;
    }
    if (blocks.size() >= most_blocks) message.details = {cause_line(diagnosis)};
    blocks.push_back({&diagnosis, host, messages.size() - 1, {}});
  }
  // Less than a screen, also where all failed differently.
  constexpr std::size_t most_different = 3;
  if (blocks.size() > most_different) {
    messages[blocks[1].message].details = {cause_line(*blocks[1].diagnosis)};
  }
  for (const Block& block : blocks) {
    if (block.same.empty()) continue;
    messages[block.message].details.push_back(
        fmt::format("  same for {}", fmt::join(block.same, ", ")));
  }
  fit(messages, blocks);
  return messages;
}

}  // namespace tcptool::cmd
