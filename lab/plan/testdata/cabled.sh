#!/bin/sh
# The lab "cabled" as ip(8) commands: the namespace of that name is its fabric,
# and each host is one whose name has a dot and the host's name after it.
# It needs root. "sh -s down" instead of "sh" removes the lab again.
if [ "${1-}" = down ]; then
	ip netns del cabled
	ip netns del cabled.alpha
	ip netns del cabled.beta
	exit
fi
set -eu

# What a new namespace takes over from the machine, as the kernel itself sets it.
conf() {
	ns=$1 prefix=$2
	shift 2
	for p; do set -- "$@" "$prefix.$p"; shift; done
	ip netns exec "$ns" sysctl -eqw "$@"
}
stock() {
	conf "$1" net.ipv4.conf.all \
		forwarding=0 accept_local=0 accept_redirects=1 accept_source_route=0 arp_accept=0 arp_announce=0 \
		arp_evict_nocarrier=1 arp_filter=0 arp_ignore=0 arp_notify=0 bc_forwarding=0 bootp_relay=0 \
		disable_policy=0 disable_xfrm=0 drop_gratuitous_arp=0 drop_unicast_in_l2_multicast=0 \
		force_igmp_version=0 igmpv2_unsolicited_report_interval=10000 \
		igmpv3_unsolicited_report_interval=1000 ignore_routes_with_linkdown=0 log_martians=0 medium_id=0 \
		promote_secondaries=0 proxy_arp=0 proxy_arp_pvlan=0 route_localnet=0 rp_filter=0 secure_redirects=1 \
		send_redirects=1 shared_media=1 src_valid_mark=0 tag=0
	conf "$1" net.ipv4.conf.default \
		forwarding=0 accept_local=0 accept_redirects=1 accept_source_route=1 arp_accept=0 arp_announce=0 \
		arp_evict_nocarrier=1 arp_filter=0 arp_ignore=0 arp_notify=0 bc_forwarding=0 bootp_relay=0 \
		disable_policy=0 disable_xfrm=0 drop_gratuitous_arp=0 drop_unicast_in_l2_multicast=0 \
		force_igmp_version=0 igmpv2_unsolicited_report_interval=10000 \
		igmpv3_unsolicited_report_interval=1000 ignore_routes_with_linkdown=0 log_martians=0 medium_id=0 \
		promote_secondaries=0 proxy_arp=0 proxy_arp_pvlan=0 route_localnet=0 rp_filter=0 secure_redirects=1 \
		send_redirects=1 shared_media=1 src_valid_mark=0 tag=0
	conf "$1" net.ipv4.conf.lo \
		forwarding=0 accept_local=0 accept_redirects=1 accept_source_route=1 arp_accept=0 arp_announce=0 \
		arp_evict_nocarrier=1 arp_filter=0 arp_ignore=0 arp_notify=0 bc_forwarding=0 bootp_relay=0 \
		disable_policy=1 disable_xfrm=1 drop_gratuitous_arp=0 drop_unicast_in_l2_multicast=0 \
		force_igmp_version=0 igmpv2_unsolicited_report_interval=10000 \
		igmpv3_unsolicited_report_interval=1000 ignore_routes_with_linkdown=0 log_martians=0 medium_id=0 \
		promote_secondaries=0 proxy_arp=0 proxy_arp_pvlan=0 route_localnet=0 rp_filter=0 secure_redirects=1 \
		send_redirects=1 shared_media=1 src_valid_mark=0 tag=0
	conf "$1" net.ipv6.conf.all \
		disable_ipv6=0 forwarding=0 accept_dad=0 accept_ra=1 accept_ra_defrtr=1 accept_ra_from_local=0 \
		accept_ra_min_hop_limit=1 accept_ra_min_lft=0 accept_ra_mtu=1 accept_ra_pinfo=1 \
		accept_ra_rt_info_max_plen=0 accept_ra_rt_info_min_plen=0 accept_ra_rtr_pref=1 accept_redirects=1 \
		accept_source_route=0 accept_untracked_na=0 addr_gen_mode=0 autoconf=1 dad_transmits=1 \
		disable_policy=0 drop_unicast_in_l2_multicast=0 drop_unsolicited_na=0 enhanced_dad=1 \
		force_forwarding=0 force_mld_version=0 force_tllao=0 hop_limit=64 ignore_routes_with_linkdown=0 \
		ioam6_enabled=0 ioam6_id=65535 ioam6_id_wide=4294967295 keep_addr_on_down=0 max_addresses=16 \
		max_desync_factor=600 mldv1_unsolicited_report_interval=10000 mldv2_unsolicited_report_interval=1000 \
		mtu=1280 ndisc_evict_nocarrier=1 ndisc_notify=0 ndisc_tclass=0 optimistic_dad=0 proxy_ndp=0 \
		ra_defrtr_metric=1024 ra_honor_pio_life=0 ra_honor_pio_pflag=0 regen_max_retry=3 regen_min_advance=2 \
		router_probe_interval=60 router_solicitation_delay=1 router_solicitation_interval=4 \
		router_solicitation_max_interval=3600 router_solicitations=-1 rpl_seg_enabled=0 seg6_enabled=0 \
		seg6_require_hmac=0 suppress_frag_ndisc=1 temp_prefered_lft=86400 temp_valid_lft=604800 \
		use_oif_addrs_only=0 use_optimistic=0 use_tempaddr=0
	conf "$1" net.ipv6.conf.default \
		disable_ipv6=0 forwarding=0 accept_dad=1 accept_ra=1 accept_ra_defrtr=1 accept_ra_from_local=0 \
		accept_ra_min_hop_limit=1 accept_ra_min_lft=0 accept_ra_mtu=1 accept_ra_pinfo=1 \
		accept_ra_rt_info_max_plen=0 accept_ra_rt_info_min_plen=0 accept_ra_rtr_pref=1 accept_redirects=1 \
		accept_source_route=0 accept_untracked_na=0 addr_gen_mode=0 autoconf=1 dad_transmits=1 \
		disable_policy=0 drop_unicast_in_l2_multicast=0 drop_unsolicited_na=0 enhanced_dad=1 \
		force_forwarding=0 force_mld_version=0 force_tllao=0 hop_limit=64 ignore_routes_with_linkdown=0 \
		ioam6_enabled=0 ioam6_id=65535 ioam6_id_wide=4294967295 keep_addr_on_down=0 max_addresses=16 \
		max_desync_factor=600 mldv1_unsolicited_report_interval=10000 mldv2_unsolicited_report_interval=1000 \
		mtu=1280 ndisc_evict_nocarrier=1 ndisc_notify=0 ndisc_tclass=0 optimistic_dad=0 proxy_ndp=0 \
		ra_defrtr_metric=1024 ra_honor_pio_life=0 ra_honor_pio_pflag=0 regen_max_retry=3 regen_min_advance=2 \
		router_probe_interval=60 router_solicitation_delay=1 router_solicitation_interval=4 \
		router_solicitation_max_interval=3600 router_solicitations=-1 rpl_seg_enabled=0 seg6_enabled=0 \
		seg6_require_hmac=0 suppress_frag_ndisc=1 temp_prefered_lft=86400 temp_valid_lft=604800 \
		use_oif_addrs_only=0 use_optimistic=0 use_tempaddr=0
	conf "$1" net.ipv6.conf.lo \
		disable_ipv6=0 forwarding=0 accept_dad=-1 accept_ra=1 accept_ra_defrtr=1 accept_ra_from_local=0 \
		accept_ra_min_hop_limit=1 accept_ra_min_lft=0 accept_ra_mtu=1 accept_ra_pinfo=1 \
		accept_ra_rt_info_max_plen=0 accept_ra_rt_info_min_plen=0 accept_ra_rtr_pref=1 accept_redirects=1 \
		accept_source_route=0 accept_untracked_na=0 addr_gen_mode=0 autoconf=1 dad_transmits=1 \
		disable_policy=0 drop_unicast_in_l2_multicast=0 drop_unsolicited_na=0 enhanced_dad=1 \
		force_forwarding=0 force_mld_version=0 force_tllao=0 hop_limit=64 ignore_routes_with_linkdown=0 \
		ioam6_enabled=0 ioam6_id=65535 ioam6_id_wide=4294967295 keep_addr_on_down=0 max_addresses=16 \
		max_desync_factor=600 mldv1_unsolicited_report_interval=10000 mldv2_unsolicited_report_interval=1000 \
		ndisc_evict_nocarrier=1 ndisc_notify=0 ndisc_tclass=0 optimistic_dad=0 proxy_ndp=0 \
		ra_defrtr_metric=1024 ra_honor_pio_life=0 ra_honor_pio_pflag=0 regen_max_retry=3 regen_min_advance=2 \
		router_probe_interval=60 router_solicitation_delay=1 router_solicitation_interval=4 \
		router_solicitation_max_interval=3600 router_solicitations=-1 rpl_seg_enabled=0 seg6_enabled=0 \
		seg6_require_hmac=0 suppress_frag_ndisc=1 temp_prefered_lft=86400 temp_valid_lft=604800 \
		use_oif_addrs_only=0 use_optimistic=0 use_tempaddr=-1
}
neighbours() {
	for dev in $(ip netns exec "$1" ls /proc/sys/net/ipv4/neigh); do
		test "$dev" = default && continue
		ip -n "$1" ntable change name arp_cache dev "$dev" base_reachable 30000 retrans 1000 gc_stale 60000 delay_probe 5000 app_probes 0 ucast_probes 3 mcast_probes 3 anycast_delay 1000 proxy_delay 800 proxy_queue 64 locktime 1000
		ip -n "$1" ntable change name ndisc_cache dev "$dev" base_reachable 30000 retrans 1000 gc_stale 60000 delay_probe 5000 app_probes 0 ucast_probes 3 mcast_probes 3 anycast_delay 1000 proxy_delay 800 proxy_queue 64 locktime 0
	done
}

ip netns add cabled
ip netns exec cabled sysctl -eqw net.ipv6.conf.all.disable_ipv6=1
ip netns exec cabled sysctl -eqw net.ipv6.conf.default.disable_ipv6=1
ip -n cabled link add name red address 0a:00:00:00:00:00 type bridge

ip netns add cabled.alpha
stock cabled.alpha
ip -n cabled.alpha link set dev lo up
ip -n cabled link add name 0.1 address 06:00:00:00:00:01 master red numtxqueues 1 numrxqueues 1 up type veth peer name eth1 address 02:00:00:00:00:01 numtxqueues 1 numrxqueues 1 netns cabled.alpha
ip -n cabled.alpha link set dev eth1 addrgenmode none || test ! -e /proc/net/if_inet6
ip -n cabled.alpha link set dev eth1 up
ip -n cabled.alpha addr add fe80::ff:fe00:1/64 dev eth1 nodad || test ! -e /proc/net/if_inet6
ip -n cabled.alpha link set dev eth1 addrgenmode eui64 || test ! -e /proc/net/if_inet6

ip netns add cabled.beta
stock cabled.beta
ip -n cabled.beta link set dev lo up
ip -n cabled link add name 1.0 address 06:00:00:01:00:00 master red numtxqueues 1 numrxqueues 1 up type veth peer name eth0 address 02:00:00:01:00:00 numtxqueues 1 numrxqueues 1 netns cabled.beta
ip -n cabled.beta link set dev eth0 addrgenmode none || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth0 up
ip -n cabled.beta addr add fe80::ff:fe01:0/64 dev eth0 nodad || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth0 addrgenmode eui64 || test ! -e /proc/net/if_inet6
ip -n cabled.alpha link add name eth0 address 02:00:00:00:00:00 numtxqueues 1 numrxqueues 1 type veth peer name eth1 address 02:00:00:01:00:01 numtxqueues 1 numrxqueues 1 netns cabled.beta
ip -n cabled.alpha link set dev eth0 addrgenmode none || test ! -e /proc/net/if_inet6
ip -n cabled.alpha link set dev eth0 up
ip -n cabled.alpha addr add 192.0.2.10/24 dev eth0
ip -n cabled.alpha addr add 2001:db8::1/64 dev eth0 nodad
ip -n cabled.alpha addr add fe80::ff:fe00:0/64 dev eth0 nodad || test ! -e /proc/net/if_inet6
ip -n cabled.alpha link set dev eth0 addrgenmode eui64 || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth1 addrgenmode none || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth1 up
ip -n cabled.beta addr add 192.0.2.1/24 dev eth1
ip -n cabled.beta addr add fe80::ff:fe01:1/64 dev eth1 nodad || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth1 addrgenmode eui64 || test ! -e /proc/net/if_inet6
neighbours cabled.alpha
ip -n cabled.beta link add name eth2 address 02:00:00:01:00:02 numtxqueues 1 numrxqueues 1 type veth peer name eth3 address 02:00:00:01:00:03 numtxqueues 1 numrxqueues 1 netns cabled.beta
ip -n cabled.beta link set dev eth2 addrgenmode none || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth2 up
ip -n cabled.beta addr add fe80::ff:fe01:2/64 dev eth2 nodad || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth2 addrgenmode eui64 || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth3 addrgenmode none || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth3 up
ip -n cabled.beta addr add fe80::ff:fe01:3/64 dev eth3 nodad || test ! -e /proc/net/if_inet6
ip -n cabled.beta link set dev eth3 addrgenmode eui64 || test ! -e /proc/net/if_inet6
neighbours cabled.beta
ip -n cabled link set dev red up
