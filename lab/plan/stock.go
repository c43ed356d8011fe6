package plan

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// A Parameter is a kernel parameter and the value that the kernel itself gives it.
type Parameter struct{ Key, Value string }

// The configuration of links is the part of a new namespace that the kernel copies
// from another one: that of IPv4 from the machine's first namespace, or, as
// net.core.devconf_inherit_init_net says, from its maker or from nowhere
// (devinet_init_net in net/ipv4/devinet.c), and that of IPv6 where it says so
// (addrconf_init_net in net/ipv6/addrconf.c). "default" is what links have that are
// made later, and lo is one of those. These are the values of ipv4_devconf,
// ipv4_devconf_dflt, ipv6_devconf and ipv6_devconf_dflt in those files. A parameter
// that changes others comes before them.
var (
	conf4 = []Parameter{
		{"forwarding", "0"}, {"accept_local", "0"}, {"accept_redirects", "1"}, {"accept_source_route", "0"},
		{"arp_accept", "0"},
		{"arp_announce", "0"}, {"arp_evict_nocarrier", "1"}, {"arp_filter", "0"}, {"arp_ignore", "0"},
		{"arp_notify", "0"},
		{"bc_forwarding", "0"}, {"bootp_relay", "0"}, {"disable_policy", "0"}, {"disable_xfrm", "0"},
		{"drop_gratuitous_arp", "0"}, {"drop_unicast_in_l2_multicast", "0"}, {"force_igmp_version", "0"},
		{"igmpv2_unsolicited_report_interval", "10000"}, {"igmpv3_unsolicited_report_interval", "1000"},
		{"ignore_routes_with_linkdown", "0"}, {"log_martians", "0"}, {"medium_id", "0"}, {"promote_secondaries", "0"},
		{"proxy_arp", "0"}, {"proxy_arp_pvlan", "0"}, {"route_localnet", "0"}, {"rp_filter", "0"},
		{"secure_redirects", "1"},
		{"send_redirects", "1"}, {"shared_media", "1"}, {"src_valid_mark", "0"}, {"tag", "0"},
	}
	conf6 = []Parameter{
		{"disable_ipv6", "0"}, {"forwarding", "0"}, {"accept_dad", "0"}, {"accept_ra", "1"}, {"accept_ra_defrtr", "1"},
		{"accept_ra_from_local", "0"}, {"accept_ra_min_hop_limit", "1"}, {"accept_ra_min_lft", "0"},
		{"accept_ra_mtu", "1"},
		{"accept_ra_pinfo", "1"}, {"accept_ra_rt_info_max_plen", "0"}, {"accept_ra_rt_info_min_plen", "0"},
		{"accept_ra_rtr_pref", "1"}, {"accept_redirects", "1"}, {"accept_source_route", "0"},
		{"accept_untracked_na", "0"},
		{"addr_gen_mode", "0"}, {"autoconf", "1"}, {"dad_transmits", "1"}, {"disable_policy", "0"},
		{"drop_unicast_in_l2_multicast", "0"}, {"drop_unsolicited_na", "0"}, {"enhanced_dad", "1"},
		{"force_forwarding", "0"},
		{"force_mld_version", "0"}, {"force_tllao", "0"}, {"hop_limit", "64"}, {"ignore_routes_with_linkdown", "0"},
		{"ioam6_enabled", "0"}, {"ioam6_id", "65535"}, {"ioam6_id_wide", "4294967295"}, {"keep_addr_on_down", "0"},
		{"max_addresses", "16"}, {"max_desync_factor", "600"}, {"mldv1_unsolicited_report_interval", "10000"},
		{"mldv2_unsolicited_report_interval", "1000"}, {"mtu", "1280"}, {"ndisc_evict_nocarrier", "1"},
		{"ndisc_notify", "0"},
		{"ndisc_tclass", "0"}, {"optimistic_dad", "0"}, {"proxy_ndp", "0"}, {"ra_defrtr_metric", "1024"},
		{"ra_honor_pio_life", "0"}, {"ra_honor_pio_pflag", "0"}, {"regen_max_retry", "3"}, {"regen_min_advance", "2"},
		{"router_probe_interval", "60"}, {"router_solicitation_delay", "1"}, {"router_solicitation_interval", "4"},
		{"router_solicitation_max_interval", "3600"}, {"router_solicitations", "-1"}, {"rpl_seg_enabled", "0"},
		{"seg6_enabled", "0"}, {"seg6_require_hmac", "0"}, {"suppress_frag_ndisc", "1"}, {"temp_prefered_lft", "86400"},
		{"temp_valid_lft", "604800"}, {"use_oif_addrs_only", "0"}, {"use_optimistic", "0"}, {"use_tempaddr", "0"},
	}
	// What "default" has otherwise than "all", and lo otherwise than "default"
	// (inetdev_init, ipv6_add_dev). A link's mtu is its own.
	defaults4 = map[string]string{"accept_source_route": "1"}
	lo4       = map[string]string{"disable_policy": "1", "disable_xfrm": "1"}
	defaults6 = map[string]string{"accept_dad": "1"}
	lo6       = map[string]string{"accept_dad": "-1", "use_tempaddr": "-1", "mtu": ""}
)

// Conf returns the parameters of the links "all", "default" or "lo" of a new
// namespace, of IPv4 or IPv6.
func Conf(six bool, link string) []Parameter {
	all, family, overrides := conf4, "ipv4", []map[string]string{defaults4, lo4}
	if six {
		all, family, overrides = conf6, "ipv6", []map[string]string{defaults6, lo6}
	}
	switch link {
	case "all":
		overrides = nil
	case "default":
		overrides = overrides[:1]
	}
	var conf []Parameter
	for _, p := range all {
		value := p.Value
		for _, o := range overrides {
			if v, ok := o[p.Key]; ok {
				value = v
			}
		}
		if value != "" {
			conf = append(conf, Parameter{"net." + family + ".conf." + link + "." + p.Key, value})
		}
	}
	return conf
}

// stockFunctions defines, for sh(1), what String of Stock and Neighbours calls.
// Buffer sizes and the congestion control are left as they are: what is the
// kernel's own choice depends on the machine's memory and the kernel's configuration.
func stockFunctions() string {
	var b strings.Builder
	b.WriteString(`
# What a new namespace takes over from the machine, as the kernel itself sets it.
conf() {
	ns=$1 prefix=$2
	shift 2
	for p; do set -- "$@" "$prefix.$p"; shift; done
	ip netns exec "$ns" sysctl -eqw "$@"
}
stock() {`)
	for _, six := range []bool{false, true} {
		for _, link := range []string{"all", "default", "lo"} {
			all := Conf(six, link)
			prefix := all[0].Key[:strings.LastIndex(all[0].Key, ".")]
			b.WriteString("\n\tconf \"$1\" " + prefix)
			width := 120
			for _, p := range all {
				word := strings.TrimPrefix(p.Key, prefix+".") + "=" + p.Value
				if width += len(word) + 1; width > 100 {
					b.WriteString(" \\\n\t\t" + word)
					width = len(word)
				} else {
					b.WriteString(" " + word)
				}
			}
		}
	}
	b.WriteString(`
}
neighbours() {
	for dev in $(ip netns exec "$1" ls /proc/sys/net/ipv4/neigh); do
		test "$dev" = default && continue`)
	for _, table := range slices.Sorted(maps.Keys(NeighbourDefaults)) {
		b.WriteString("\n\t\tip -n \"$1\" ntable change name " + table + " dev \"$dev\"")
		for _, p := range NeighbourDefaults[table] {
			if p.Word != "" {
				fmt.Fprintf(&b, " %s %d", p.Word, p.Value)
			}
		}
	}
	b.WriteString(`
	done
}
`)
	return b.String()
}

// A NeighbourParameter is one of a link's table of neighbours, and the value that the
// kernel itself gives it; times are in ms.
type NeighbourParameter struct {
	Kind  uint16 // NDTPA_... of linux/neighbour.h
	Word  string // of ip-ntable(8), "" when it has none
	Value uint64
}

// NeighbourDefaults are the tables by name: arp_tbl in net/ipv4/arp.c and nd_tbl in
// net/ipv6/ndisc.c, which differ in the time for which an entry is locked.
var NeighbourDefaults = map[string][]NeighbourParameter{"arp_cache": neighbourParameters(1000),
	"ndisc_cache": neighbourParameters(0)}

func neighbourParameters(locktime uint64) []NeighbourParameter {
	all := []NeighbourParameter{
		{4, "base_reachable", 30000}, // NDTPA_BASE_REACHABLE_TIME
		{5, "retrans", 1000},         // NDTPA_RETRANS_TIME
		{6, "gc_stale", 60000},       // NDTPA_GC_STALETIME
		{7, "delay_probe", 5000},     // NDTPA_DELAY_PROBE_TIME
		{9, "app_probes", 0},         // NDTPA_APP_PROBES
		{10, "ucast_probes", 3},      // NDTPA_UCAST_PROBES
		{11, "mcast_probes", 3},      // NDTPA_MCAST_PROBES
		{12, "anycast_delay", 1000},  // NDTPA_ANYCAST_DELAY
		{13, "proxy_delay", 800},     // NDTPA_PROXY_DELAY
		{14, "proxy_queue", 64},      // NDTPA_PROXY_QLEN
		{15, "locktime", locktime},   // NDTPA_LOCKTIME
		{17, "", 0},                  // NDTPA_MCAST_REPROBES
		{19, "", 5000},               // NDTPA_INTERVAL_PROBE_TIME_MS
	}
	if bytes := sendBufferDefault(runtime.GOARCH); bytes != 0 {
		all = append(all, NeighbourParameter{16, "", bytes}) // NDTPA_QUEUE_LENBYTES
	}
	return all
}

// sendBufferDefault returns SK_WMEM_DEFAULT of net/sock.h on an architecture: 256 packets
// of SKB_TRUESIZE(256), that is 256 bytes with struct sk_buff and struct skb_shared_info,
// each of which is rounded up to lines of the cache. With lines of 64 bytes (SMP_CACHE_BYTES)
// and pointers of 8 that is 256 + 256 + 320. It is 0 on others, where a machine's own
// value stays: no kernel tells what it was before it was changed.
func sendBufferDefault(arch string) uint64 {
	switch arch {
	case "amd64", "arm64", "riscv64", "loong64":
		return 256 * (256 + 256 + 320)
	}
	return 0
}
