#!/bin/sh
# The lab "a b\n$(touch x); '" as ip(8) commands: the namespace of that name is its fabric,
# and each host is one whose name has a dot and the host's name after it.
# It needs root. "sh -s down" instead of "sh" removes the lab again.
if [ "${1-}" = down ]; then
	ip netns del 'a b
$(touch x); '\'''
	ip netns del 'a b
$(touch x); '\''.-n *'
	exit
fi
set -eu

ip netns add 'a b
$(touch x); '\'''
ip netns exec 'a b
$(touch x); '\''' sysctl -eqw net.ipv6.conf.all.disable_ipv6=1
ip netns exec 'a b
$(touch x); '\''' sysctl -eqw net.ipv6.conf.default.disable_ipv6=1
ip -n 'a b
$(touch x); '\''' link add name '`id`' address 0a:00:00:00:00:00 up type bridge

ip netns add 'a b
$(touch x); '\''.-n *'
ip netns exec 'a b
$(touch x); '\''.-n *' sysctl -qw net.ipv4.conf.all.rp_filter=0
ip netns exec 'a b
$(touch x); '\''.-n *' sysctl -qw net.ipv4.conf.default.rp_filter=0
ip -n 'a b
$(touch x); '\''.-n *' link set dev lo up
ip -n 'a b
$(touch x); '\''' link add name 0.0 address 06:00:00:00:00:00 master '`id`' numtxqueues 1 numrxqueues 1 up type veth peer name '~' address 02:00:00:00:00:00 numtxqueues 1 numrxqueues 1 netns 'a b
$(touch x); '\''.-n *'
ip -n 'a b
$(touch x); '\''.-n *' addr add 192.0.2.1/24 dev '~'
ip -n 'a b
$(touch x); '\''.-n *' addr add fe80::ff:fe00:0/64 dev '~' nodad || test ! -e /proc/net/if_inet6
ip -n 'a b
$(touch x); '\''.-n *' link set dev '~' up
