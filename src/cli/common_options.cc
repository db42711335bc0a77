// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <optional>

#include "base/parse.h"
#include "base/text.h"
#include "cli/declare.h"

namespace tcptool::cli {
namespace {

Result<cmd::ColorMode, std::string> read_color(const std::string& text) {
  if (text == "auto") return cmd::ColorMode::automatic;
  if (text == "always") return cmd::ColorMode::always;
  if (text == "never") return cmd::ColorMode::never;
  return failure(fmt::format("{} is none of auto, always, never", in_quotes(text)));
}

Result<cmd::ProgressMode, std::string> read_progress(const std::string& text) {
  if (text == "auto") return cmd::ProgressMode::automatic;
  if (text == "always") return cmd::ProgressMode::always;
  return failure(fmt::format("{} is none of auto, always", in_quotes(text)));
}

Result<cmd::DiagnoseMode, std::string> read_diagnose(const std::string& text) {
  if (text == "passive") return cmd::DiagnoseMode::passive;
  if (text == "active") return cmd::DiagnoseMode::active;
  if (text == "off") return cmd::DiagnoseMode::off;
  return failure(fmt::format("{} is none of passive, active, off", in_quotes(text)));
}

Result<cmd::SandboxMode, std::string> read_sandbox(const std::string& text) {
  if (text == "on") return cmd::SandboxMode::on;
  if (text == "off") return cmd::SandboxMode::off;
  if (text == "strict") return cmd::SandboxMode::strict;
  return failure(fmt::format("{} is none of on, off, strict", in_quotes(text)));
}

Result<trace::Format, std::string> read_format(const std::string& text) {
  if (text == "text") return trace::Format::text;
  if (text == "strace") return trace::Format::strace;
  if (text == "json") return trace::Format::json;
  if (text == "summary") return trace::Format::summary;
  return failure(fmt::format("{} is none of text, strace, json, summary", in_quotes(text)));
}

Result<trace::Filter, std::string> read_filter(const std::string& text) {
  if (text == "all") return trace::Filter::all;
  if (text == "network") return trace::Filter::network;
  if (text == "errors") return trace::Filter::errors;
  return failure(fmt::format("{} is none of all, network, errors", in_quotes(text)));
}

Result<std::uint64_t, std::string> read_limit(const std::string& text) {
  constexpr std::uint64_t most = std::uint64_t{1} << 50;  // 1 PiB
  return parse_size(text, most);
}

void declare_output(Group group, cmd::OutputOptions& output) {
  group.counted_flag(
      {"-v,--verbose", "",
       "every system call with arguments, result and duration, on stderr; -vv: the bytes and TCP's "
       "state as well"},
      [&output](std::size_t times) { output.trace.verbosity = static_cast<int>(times); });
  group.value({"--trace", "FILE", "the trace into a file, or with - on stderr"},
              [&output](const std::string& text) -> std::string {
                output.trace.file = text;
                return text.empty() ? "'' is no file" : "";
              });
  group.value(
      {"--trace-format", "FORMAT",
       "text (default of -v), strace, json (default of --trace) or summary; of --trace if it is "
       "given, else of -v"},
      keep(output.trace.format, read_format));
  group.value({"--trace-filter", "WHICH", "all (default), network or errors"},
              keep(output.trace.filter, read_filter));
  group.flag({"--explain", "", "a sentence on each traced call, for learners"},
             [&output] { output.trace.explain = true; });
  group.value(
      {"--trace-limit", "SIZE", "stop tracing when the file has reached SIZE (default: no limit)"},
      keep(output.trace.limit, read_limit));
  group.flag({"-q,--quiet", "", "no status lines; a failure keeps its first line"},
             [&output] { output.quiet = true; });
  group.flag({"--json", "", "every line on stderr is one JSON object"},
             [&output] { output.json = true; });
  group.value(
      {"--progress", "[=WHEN]",
       "what moves, how fast, and what limits it: auto (default) where stderr is a terminal, "
       "or always"},
      keep(output.progress, read_progress));
  group.value({"--color", "WHEN", "auto (default), always or never"},
              keep(output.color, read_color));
}

void declare_addresses(Group group, Draft& draft) {
  group.flag({"-4,--ipv4", "", "IPv4 only"}, [&draft] { draft.ipv4 = true; });
  group.flag({"-6,--ipv6", "", "IPv6 only"}, [&draft] { draft.ipv6 = true; });
  group.flag({"-n,--numeric", "", "no look-ups: host and port must be numbers"},
             [&draft] { draft.numeric = true; });
}

// -o, -i and --keepalive set socket options; none is set twice.
std::string add_setting(cmd::CommonOptions& common, tcp::OptionSetting setting) {
  for (const tcp::OptionSetting& other : common.socket_options) {
    if (other.info == setting.info) return fmt::format("{} is set twice", setting.info->name);
  }
  if (setting.info->name == "SO_KEEPALIVE") common.relay.keepalive_set = true;
  common.socket_options.push_back(std::move(setting));
  return "";
}

void declare_socket(Group group, Draft& draft, cmd::CommonOptions& common) {
  group
      .value({"-o,--option", "NAME=VALUE",
              "set a socket option by its manual name, such as TCP_NODELAY, SO_RCVBUF=1M or "
              "TCP_USER_TIMEOUT=5s; may be given several times"},
             [&common](const std::string& text) -> std::string {
               auto setting = tcp::parse_option(text);
               if (!setting) return setting.error();
               return add_setting(common, std::move(*setting));
             })
      .repeatable = true;
  group.value(
      {"--keepalive", "IDLE[,INTERVAL[,COUNT]]",
       "probe a silent peer after IDLE seconds, every INTERVAL seconds, COUNT times (default: "
       "off; what is left out is the system's)"},
      [&common](const std::string& text) -> std::string {
        auto settings = tcp::parse_keepalive(text);
        if (!settings) return settings.error();
        for (tcp::OptionSetting& setting : *settings) {
          std::string wrong = add_setting(common, std::move(setting));
          if (!wrong.empty()) return wrong;
        }
        return "";
      });
  group.value({"-i,--interface", "IF", "only through this interface (SO_BINDTODEVICE)"},
              [&draft, &common](const std::string& text) -> std::string {
                constexpr std::size_t longest = 15;
                if (text.empty() || text.size() > longest) {
                  return fmt::format("{} is not an interface, such as eth0", in_quotes(text));
                }
                draft.interface = text;
                return add_setting(common, tcp::OptionSetting::text("SO_BINDTODEVICE", text));
              });
}

void declare_times(Group group, cmd::CommonOptions& common) {
  group.value(
      {"--idle-timeout", "D",
       "end with status 9 when no payload was sent, acknowledged or received for D (default: no "
       "limit)"},
      keep(common.relay.idle_timeout, parse_duration));
  group.value({"--timeout", "D", "end the whole run after D, with status 9 (default: no limit)"},
              keep(common.run_timeout, parse_duration));
}

void declare_data(Group group, Draft& draft, cmd::CommonOptions& common) {
  group.flag({"-N,--half-close", "", "send FIN at the end of stdin and go on receiving (default)"},
             [&draft] { draft.half_close = true; });
  group.flag({"--no-half-close", "", "send no FIN; the run ends when the peer ends"},
             [&draft] { draft.no_half_close = true; });
  group.value(
      {"--linger", "D",
       "once the peer has closed its side, end after D in which stdin was silent (default: no "
       "limit)"},
      keep(common.relay.linger, parse_duration));
  group.flag({"--send-only", "", "discard what arrives; FIN, wait for its acknowledgement, end"},
             [&common] { common.relay.send_only = true; });
  group.flag({"--recv-only", "", "leave stdin alone; no FIN before the peer's"},
             [&common] { common.relay.recv_only = true; });
  group.flag({"-C,--crlf", "", "send a lone LF from stdin as CRLF"},
             [&common] { common.relay.crlf = true; });
}

}  // namespace

void declare_common_options(Subcommand& subcommand, Draft& draft, cmd::CommonOptions& common) {
  declare_addresses({subcommand, "Addresses"}, draft);
  declare_data({subcommand, "Data and how the run ends"}, draft, common);
  declare_times({subcommand, "Time limits"}, common);
  declare_socket({subcommand, "Socket"}, draft, common);
  Group group(subcommand, "Output");
  declare_output(group, common.output);
  group.value({"--diagnose", "HOW",
               "name the cause of a failure: passive (default) sends nothing extra, active "
               "probes the peer with a few SYNs, off"},
              keep(common.diagnose, read_diagnose));
  group.flag({"-h,--help", "", "this text"}, [&draft] { draft.help = true; });
  Group(subcommand, "Confinement")
      .value(
          {"--sandbox", "HOW",
           "what the process gives up by itself: on (default), off, or strict, where a call that "
           "is not allowed kills"},
          [&draft, &common](const std::string& text) -> std::string {
            draft.sandbox_given = true;
            return keep(common.sandbox, read_sandbox)(text);
          });
}

namespace {

std::string settle_trace_options(const cmd::OutputOptions& output) {
  const cmd::TraceOptions& trace = output.trace;
  if (trace.file.empty() && trace.limit != 0) {
    return "--trace-limit bounds a file; give --trace FILE as well";
  }
  const bool traced = trace.verbosity > 0 || !trace.file.empty();
  if (!traced && trace.format) return "--trace-format needs a trace: -v or --trace FILE";
  if (!traced && trace.filter != trace::Filter::all) {
    return "--trace-filter needs a trace: -v or --trace FILE";
  }
  if (!traced && trace.explain) return "--explain needs a trace: -v or --trace FILE";
  if (trace.explain && trace.format == trace::Format::summary) {
    return "--explain says something of each call, and --trace-format summary has none";
  }
  if (trace.to_stderr() && trace.verbosity > 0) {
    return "-v and --trace - are both the trace on stderr; give one of them";
  }
  if (trace.to_stderr() && trace.limit != 0) {
    return "--trace-limit bounds a file, and --trace - is stderr";
  }
  const bool stderr_format = trace.format && !trace.to_file();
  if (output.json && stderr_format && *trace.format != trace::Format::json) {
    return "--json makes every line on stderr an object; the other formats need --trace FILE";
  }
  return "";
}

}  // namespace

std::string settle_common_options(const Draft& draft, cmd::CommonOptions& common) {
  if (draft.ipv4 && draft.ipv6) return "-4 and -6 exclude each other; without either both are used";
  if (draft.ipv4) common.family = AF_INET;
  if (draft.ipv6) common.family = AF_INET6;
  if (common.relay.send_only && common.relay.recv_only) {
    return "--send-only and --recv-only exclude each other";
  }
  if (draft.half_close && draft.no_half_close) {
    return "--half-close and --no-half-close exclude each other";
  }
  common.relay.half_close = !draft.no_half_close;
  return settle_trace_options(common.output);
}

}  // namespace tcptool::cli
