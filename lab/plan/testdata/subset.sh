#!/bin/sh
# The lab "dual-nic" as ip(8) commands: the namespace of that name is its fabric,
# and each host is one whose name has a dot and the host's name after it.
# It needs root. "sh -s down" instead of "sh" removes the lab again.
if [ "${1-}" = down ]; then
	ip netns del dual-nic
	ip netns del dual-nic.gamma
	exit
fi
set -eu

ip netns add dual-nic
ip netns exec dual-nic sysctl -eqw net.ipv6.conf.all.disable_ipv6=1
ip netns exec dual-nic sysctl -eqw net.ipv6.conf.default.disable_ipv6=1
ip -n dual-nic link add name red address 0a:00:00:00:00:00 up type bridge

ip netns add dual-nic.gamma
ip netns exec dual-nic.gamma sysctl -qw net.ipv4.ip_local_reserved_ports=80-82,44567-44568,65535
ip netns exec dual-nic.gamma sysctl -qw net.ipv4.conf.all.rp_filter=0
ip netns exec dual-nic.gamma sysctl -qw net.ipv4.conf.default.rp_filter=0
ip -n dual-nic.gamma link set dev lo up
ip -n dual-nic link add name 2.0 address 06:00:00:02:00:00 master red numtxqueues 1 numrxqueues 1 up type veth peer name eth0 address 02:00:00:02:00:00 numtxqueues 1 numrxqueues 1 netns dual-nic.gamma
ip -n dual-nic.gamma addr add 192.0.2.2/24 dev eth0
ip -n dual-nic.gamma addr add fe80::ff:fe02:0/64 dev eth0 nodad || test ! -e /proc/net/if_inet6
ip -n dual-nic.gamma link set dev eth0 up
