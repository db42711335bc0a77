# fish completion for tcptool(1).
# SPDX-License-Identifier: MIT

# Whether the command is one of those named, and no -- stands before the cursor.
function __tcptool_is
    set -l tokens (commandline -opc)
    contains -- "$tokens[2]" $argv; and not contains -- -- $tokens
end

# How many arguments of the command stand before the cursor: words that are neither options nor
# the values of these.
function __tcptool_arguments_are
    set -l tokens (commandline -opc)
    set -l valued -i --interface --linger --idle-timeout --timeout -o --option --keepalive \
        --trace --trace-format --trace-filter --trace-limit --color --diagnose --sandbox -w \
        --connect-timeout -s --source -p --port -b --backlog --port-file --allow --deny --hold -m \
        --max-clients --client-buffer --serve --grace --source-port --parallel --retry-interval
    set -l count 0
    set -l previous
    for token in $tokens[3..-1]
        if not string match -q -- '-*' $token; and not contains -- "$previous" $valued
            set count (math $count + 1)
        end
        set previous $token
    end
    test $count -eq $argv[1]
end

function __tcptool_services
    getent services | string match -r '^\S+(?=\s+\d+/tcp)'
end

function __tcptool_interfaces
    path basename /sys/class/net/*/
end

# What may stand behind -o: flags alone, the others with =, and values where they are known.
function __tcptool_socket_options
    set -l flags IP_BIND_ADDRESS_NO_PORT IP_FREEBIND IP_TRANSPARENT IPV6_V6ONLY SO_DEBUG \
        SO_DONTROUTE SO_KEEPALIVE SO_OOBINLINE SO_REUSEADDR SO_REUSEPORT TCP_CORK TCP_NODELAY \
        TCP_QUICKACK TCP_THIN_LINEAR_TIMEOUTS
    set -l valued IP_LOCAL_PORT_RANGE IP_MINTTL IP_MTU_DISCOVER IP_TOS IP_TTL IPV6_MINHOPCOUNT \
        IPV6_MTU_DISCOVER IPV6_TCLASS IPV6_UNICAST_HOPS SO_BINDTODEVICE SO_BUSY_POLL \
        SO_INCOMING_CPU SO_LINGER SO_MARK SO_MAX_PACING_RATE SO_PRIORITY SO_RCVBUF SO_RCVLOWAT \
        SO_SNDBUF TCP_CONGESTION TCP_DEFER_ACCEPT TCP_FASTOPEN TCP_KEEPCNT TCP_KEEPIDLE \
        TCP_KEEPINTVL TCP_LINGER2 TCP_MAXSEG TCP_NOTSENT_LOWAT TCP_RTO_MAX_MS TCP_SYNCNT \
        TCP_USER_TIMEOUT TCP_WINDOW_CLAMP
    printf '%s\n' $flags $valued=
    printf 'TCP_CONGESTION=%s\n' \
        (string split -n ' ' </proc/sys/net/ipv4/tcp_available_congestion_control)
    printf 'SO_BINDTODEVICE=%s\n' (__tcptool_interfaces)
end

# Completes the command behind --; nothing where there is none.
function __tcptool_command
    set -l tokens (commandline -opc)
    set -l dashes (contains -i -- -- $tokens); or return
    test "$tokens[2]" = listen; or return
    set -e tokens[1..$dashes]
    __fish_complete_subcommand --commandline $tokens (commandline -ct)
end

complete -c tcptool -f
complete -c tcptool -n __fish_is_first_token -a listen -d 'accept connections'
complete -c tcptool -n __fish_is_first_token -a connect -d 'make a connection'
complete -c tcptool -n __fish_is_first_token -a help -d 'the options of a command'
complete -c tcptool -n __fish_is_first_token -s V -l version -d 'the version'
complete -c tcptool -s h -l help -d 'the options'
complete -c tcptool -n '__tcptool_is help' -a 'listen connect'

set -l both '__tcptool_is listen connect'
set -l listen '__tcptool_is listen'
set -l connect '__tcptool_is connect'

complete -c tcptool -n "$both" -s 4 -l ipv4 -d 'IPv4 only'
complete -c tcptool -n "$both" -s 6 -l ipv6 -d 'IPv6 only'
complete -c tcptool -n "$both" -s n -l numeric -d 'look nothing up'
complete -c tcptool -n "$both" -s i -l interface -x -a '(__tcptool_interfaces)' -d 'this one only'
complete -c tcptool -n "$both" -s N -l half-close -d 'FIN at the end of stdin (default)'
complete -c tcptool -n "$both" -l no-half-close -d 'no FIN at the end of stdin'
complete -c tcptool -n "$both" -l linger -x -d 'after the peer\'s FIN (duration)'
complete -c tcptool -n "$both" -l send-only -d 'discard what arrives'
complete -c tcptool -n "$both" -l recv-only -d 'leave stdin alone'
complete -c tcptool -n "$both" -s C -l crlf -d 'send LF as CR LF'
complete -c tcptool -n "$both" -l idle-timeout -x -d 'end when no payload moved (duration)'
complete -c tcptool -n "$both" -l timeout -x -d 'end the whole run (duration)'
complete -c tcptool -n "$both" -s o -l option -x -a '(__tcptool_socket_options)' -d 'socket option'
complete -c tcptool -n "$both" -l keepalive -x -d 'probe a silent peer: IDLE[,INTERVAL[,COUNT]]'
complete -c tcptool -n "$both" -s v -l verbose -d 'every system call; twice: bytes, too'
complete -c tcptool -n "$both" -l trace -r -F -d 'every system call into a file'
complete -c tcptool -n "$both" -l trace-format -x -a 'text strace json summary' -d 'of the trace'
complete -c tcptool -n "$both" -l trace-filter -x -a 'all network errors' -d 'which calls'
complete -c tcptool -n "$both" -l trace-limit -x -d 'stop tracing at this size'
complete -c tcptool -n "$both" -l explain -d 'a sentence on each traced call'
complete -c tcptool -n "$both" -s q -l quiet -d 'no status lines'
complete -c tcptool -n "$both" -l json -d 'every line on stderr is a JSON object'
complete -c tcptool -n "$both" -l progress -f -a 'auto always' -d 'what moves, and how fast'
complete -c tcptool -n "$both" -l color -x -a 'auto always never' -d 'on stderr'
complete -c tcptool -n "$both" -l diagnose -x -a 'passive active off' -d 'look into a failure'
complete -c tcptool -n "$both" -l sandbox -x -a 'on off strict' -d 'what the process gives up'
complete -c tcptool -n "$both" -s w -l connect-timeout -x -d 'wait for a connection (duration)'

complete -c tcptool -n "$listen" -s p -l port -x -a '(__tcptool_services)' -d 'the port'
complete -c tcptool -n "$listen" -s s -l source -x -a '(__fish_print_addresses)' -d 'local address'
complete -c tcptool -n "$listen" -s b -l backlog -x -d 'how many may wait in the accept queue'
complete -c tcptool -n "$listen" -l port-file -r -F -d 'write the port there'
complete -c tcptool -n "$listen" -l allow -x -d 'clients of this network'
complete -c tcptool -n "$listen" -l deny -x -d 'no clients of this network'
complete -c tcptool -n "$listen" -l hold -x -a forever -d 'accept nobody (duration)'
complete -c tcptool -n "$listen" -l watch -d 'tell changes of the accept queue'
complete -c tcptool -n "$listen" -s k -l keep-open -d 'serve clients until stopped'
complete -c tcptool -n "$listen" -s m -l max-clients -x -d 'at most so many at a time'
complete -c tcptool -n "$listen" -l client-buffer -x -d 'for a client that is behind (size)'
complete -c tcptool -n "$listen" -l serve -x -a 'echo discard' -d 'a built-in service'
complete -c tcptool -n "$listen" -l grace -x -d 'for clients to finish (duration)'
complete -c tcptool -n "$listen; and __tcptool_arguments_are 0" -a '(__fish_print_addresses)'
complete -c tcptool -n "$listen; and __tcptool_arguments_are 0" -a '(__tcptool_services)'
complete -c tcptool -n "$listen; and __tcptool_arguments_are 1" -a '(__tcptool_services)'
complete -c tcptool -a '(__tcptool_command)'

complete -c tcptool -n "$connect" -s s -l source -x -a '(__fish_print_addresses)' -d 'local address'
complete -c tcptool -n "$connect" -s p -l source-port -x -d 'from this local port'
complete -c tcptool -n "$connect" -s z -l check -d 'only connect and close'
complete -c tcptool -n "$connect" -l parallel -x -d 'open so many connections and hold them'
complete -c tcptool -n "$connect" -l sequential -d 'one address after the other'
complete -c tcptool -n "$connect" -l retry -d 'try again until it works'
complete -c tcptool -n "$connect" -l retry-interval -x -d 'between tries (duration)'
complete -c tcptool -n "$connect; and __tcptool_arguments_are 0" \
    -a 'localhost (__fish_print_hostnames)'
complete -c tcptool -n "$connect; and __tcptool_arguments_are 1" -a '(__tcptool_services)'
