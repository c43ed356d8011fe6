package plan_test

import (
	"fmt"
	"net/netip"

	"labrun/lab"
	"labrun/lab/plan"
)

// alpha:eth0 <-> red <-> beta:eth0
func ExampleNew() {
	nic := func(address string) []lab.NIC {
		return []lab.NIC{{Name: "eth0", Network: "red", Addresses: []lab.Address{{Prefix: netip.MustParsePrefix(address)}}}}
	}
	t := &lab.Layout{
		Name:     "pair",
		Networks: []lab.Network{{Name: "red"}},
		Hosts:    []lab.Host{{Name: "alpha", NICs: nic("192.0.2.10/24")}, {Name: "beta", NICs: nic("2001:db8::2/64")}},
	}
	for _, op := range plan.New(t).Ops {
		fmt.Println(op)
	}
	// Output:
	// ip netns add pair
	// ip netns exec pair sysctl -eqw net.ipv6.conf.all.disable_ipv6=1
	// ip netns exec pair sysctl -eqw net.ipv6.conf.default.disable_ipv6=1
	// ip -n pair link add name red address 0a:00:00:00:00:00 type bridge
	// ip netns add pair.alpha
	// stock pair.alpha
	// ip -n pair.alpha link set dev lo up
	// ip -n pair link add name 0.0 address 06:00:00:00:00:00 master red numtxqueues 1 numrxqueues 1 up type veth peer name eth0 address 02:00:00:00:00:00 numtxqueues 1 numrxqueues 1 netns pair.alpha
	// ip -n pair.alpha link set dev eth0 addrgenmode none || test ! -e /proc/net/if_inet6
	// ip -n pair.alpha link set dev eth0 up
	// ip -n pair.alpha addr add 192.0.2.10/24 dev eth0
	// ip -n pair.alpha addr add fe80::ff:fe00:0/64 dev eth0 nodad || test ! -e /proc/net/if_inet6
	// ip -n pair.alpha link set dev eth0 addrgenmode eui64 || test ! -e /proc/net/if_inet6
	// neighbours pair.alpha
	// ip netns add pair.beta
	// stock pair.beta
	// ip -n pair.beta link set dev lo up
	// ip -n pair link add name 1.0 address 06:00:00:01:00:00 master red numtxqueues 1 numrxqueues 1 up type veth peer name eth0 address 02:00:00:01:00:00 numtxqueues 1 numrxqueues 1 netns pair.beta
	// ip -n pair.beta link set dev eth0 addrgenmode none || test ! -e /proc/net/if_inet6
	// ip -n pair.beta link set dev eth0 up
	// ip -n pair.beta addr add 2001:db8::2/64 dev eth0 nodad
	// ip -n pair.beta addr add fe80::ff:fe01:0/64 dev eth0 nodad || test ! -e /proc/net/if_inet6
	// ip -n pair.beta link set dev eth0 addrgenmode eui64 || test ! -e /proc/net/if_inet6
	// neighbours pair.beta
	// ip -n pair link set dev red up
}
