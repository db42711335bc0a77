# bash completion for tcptool(1), for the package bash-completion.
# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2207  # words without blanks, split as bash-completion does

# Prints the options of a command.
_tcptool_options() {
  echo '-4 --ipv4 -6 --ipv6 -n --numeric -i --interface -N --half-close --no-half-close --linger
    --send-only --recv-only -C --crlf --idle-timeout --timeout -o --option --keepalive -v --verbose
    --trace --trace-format --trace-filter --trace-limit --explain -q --quiet --json --progress
    --progress= --color --diagnose --sandbox -h --help -w --connect-timeout -s --source -p'
  case $1 in
    listen)
      echo '--port -b --backlog --port-file --allow --deny --hold --watch --watch= -k --keep-open
        -m --max-clients --client-buffer --serve --grace'
      ;;
    connect)
      echo '--source-port -z --check --parallel --sequential --retry --retry= --retry-interval'
      ;;
  esac
}

# The names for -o; one that needs a value ends in =.
_tcptool_socket_options() {
  echo 'IP_BIND_ADDRESS_NO_PORT IP_FREEBIND IP_TRANSPARENT IPV6_V6ONLY SO_DEBUG SO_DONTROUTE
    SO_KEEPALIVE SO_OOBINLINE SO_REUSEADDR SO_REUSEPORT TCP_CORK TCP_NODELAY TCP_QUICKACK
    TCP_THIN_LINEAR_TIMEOUTS IP_LOCAL_PORT_RANGE= IP_MINTTL= IP_MTU_DISCOVER= IP_TOS= IP_TTL=
    IPV6_MINHOPCOUNT= IPV6_MTU_DISCOVER= IPV6_TCLASS= IPV6_UNICAST_HOPS= SO_BINDTODEVICE=
    SO_BUSY_POLL= SO_INCOMING_CPU= SO_LINGER= SO_MARK= SO_MAX_PACING_RATE= SO_PRIORITY= SO_RCVBUF=
    SO_RCVLOWAT= SO_SNDBUF= TCP_CONGESTION= TCP_DEFER_ACCEPT= TCP_FASTOPEN= TCP_KEEPCNT=
    TCP_KEEPIDLE= TCP_KEEPINTVL= TCP_LINGER2= TCP_MAXSEG= TCP_NOTSENT_LOWAT= TCP_RTO_MAX_MS=
    TCP_SYNCNT= TCP_USER_TIMEOUT= TCP_WINDOW_CLAMP='
}

_tcptool_interfaces() {
  local interface
  for interface in /sys/class/net/*/; do
    basename "$interface"
  done
}

_tcptool_services() {
  getent services | awk '$2 ~ /\/tcp$/ { print $1 }'
}

# Offers those of the words that begin with what has been typed.
_tcptool_offer() {
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
}

# The value of an option; fails where there is none to be expected.
_tcptool_value() {
  case $prev in
    --trace-format) _tcptool_offer 'text strace json summary' ;;
    --trace-filter) _tcptool_offer 'all network errors' ;;
    --color) _tcptool_offer 'auto always never' ;;
    --diagnose) _tcptool_offer 'passive active off' ;;
    --sandbox) _tcptool_offer 'on off strict' ;;
    --serve) _tcptool_offer 'echo discard' ;;
    --hold) _tcptool_offer forever ;;
    -i | --interface) _tcptool_offer "$(_tcptool_interfaces)" ;;
    -p | --port) [[ $1 == connect ]] || _tcptool_offer "$(_tcptool_services)" ;;
    -s | --source) _ip_addresses -a ;;
    --trace | --port-file) _filedir ;;
    -o | --option)
      local known=
      case $cur in
        TCP_CONGESTION=*) known=$(</proc/sys/net/ipv4/tcp_available_congestion_control) ;;
        SO_BINDTODEVICE=*) known=$(_tcptool_interfaces) ;;
        *=*) ;;
        *) known=$(_tcptool_socket_options) ;;
      esac
      cur=${cur##*=} # as readline sees the word
      _tcptool_offer "$known"
      ;;
    --progress)
      # Values that are optional stand behind = alone.
      [[ $split == true ]] || return 1
      _tcptool_offer 'auto always'
      ;;
    --retry | --watch) [[ $split == true ]] ;;
    @($valued)) ;; # a number, a duration, a size, a network: nothing to offer
    *) [[ $split == true ]] ;;
  esac
}

_tcptool() {
  local cur prev words cword split
  _init_completion -s -n : || return
  local command=${words[1]} i args
  if ((cword == 1)); then
    case $cur in
      -*) _tcptool_offer '-h --help -V --version' ;;
      *) _tcptool_offer 'listen connect help' ;;
    esac
    return
  fi
  case $command in
    help) ((cword > 2)) || _tcptool_offer 'listen connect' ;;
    listen | connect) _tcptool_arguments "$command" ;;
  esac
}

_tcptool_arguments() {
  for ((i = 2; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -- ]] || continue
    [[ $1 == connect ]] || _command_offset $((i + 1))
    return
  done
  # The options whose next word is their value.
  local valued='-i|--interface|--linger|--idle-timeout|--timeout|-o|--option|--keepalive|--trace'
  valued+='|--trace-format|--trace-filter|--trace-limit|--color|--diagnose|--sandbox|-w'
  valued+='|--connect-timeout|-s|--source|-p|--port|-b|--backlog|--port-file|--allow|--deny'
  valued+='|--hold|-m|--max-clients|--client-buffer|--serve|--grace'
  valued+='|--source-port|--parallel|--retry-interval'
  ! _tcptool_value "$1" || return 0
  if [[ $cur == -* ]]; then
    _tcptool_offer "$(_tcptool_options "$1")"
    return
  fi
  _count_args '=:' "@($valued)"
  case $1$args in
    connect2) _known_hosts_real -a -- "$cur" ;;
    listen2)
      _ip_addresses -a
      COMPREPLY+=($(compgen -W "$(_tcptool_services)" -- "$cur"))
      ;;
    connect3 | listen3) _tcptool_offer "$(_tcptool_services)" ;;
  esac
}

complete -F _tcptool tcptool
