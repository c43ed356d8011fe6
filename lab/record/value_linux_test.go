package record

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"

	"labrun/lab"
)

// Values of options are written as strace writes them, on machines of either order of bytes.
func TestValue(t *testing.T) {
	ints := func(numbers ...uint32) (b []byte) {
		for _, n := range numbers {
			b = binary.NativeEndian.AppendUint32(b, n)
		}
		return b
	}
	longs := func(numbers ...uint64) (b []byte) {
		for _, n := range numbers {
			b = binary.NativeEndian.AppendUint64(b, n)
		}
		return b
	}
	ip := func(s string) []byte { return netip.MustParseAddr(s).AsSlice() }
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	index := uint32(lo.Index)
	zero := ints(0)
	for _, tt := range []struct {
		option string
		bytes  []byte
		want   string
	}{
		{"SO_REUSEADDR", ints(1), "[1]"},
		{"SO_REUSEADDR", []byte{1}, "bytes(01)"}, // sk_setsockopt refuses it
		{"IP_MULTICAST_TTL", []byte{255}, "[255]"},
		{"SO_ERROR", ints(111), "[ECONNREFUSED]"},
		{"SO_ERROR", ints(0), "[0]"},
		{"SO_LINGER", ints(1, 0), "{l_onoff=1, l_linger=0}"},
		{"SO_LINGER", []byte{1, 0}, "bytes(01 00)"},
		{"SO_BINDTODEVICE", []byte("lo\x00"), `"lo\x00"`},
		{"SO_RCVTIMEO", longs(1, 500000), "{tv_sec=1, tv_usec=500000}"},
		{"SO_SNDTIMEO_NEW", longs(^uint64(0), 0), "{tv_sec=-1, tv_usec=0}"},
		{"SO_BINDTOIFINDEX", ints(index), `if_nametoindex("lo")`},
		{"SO_BINDTOIFINDEX", ints(1 << 30), "[1073741824]"},
		{"IP_UNICAST_IF", binary.BigEndian.AppendUint32(nil, index), `if_nametoindex("lo")`},
		{"IPV6_MULTICAST_IF", ints(index), `if_nametoindex("lo")`},
		{"IP_LOCAL_PORT_RANGE", ints(40010<<16 | 40000), "[-1672831936]"},
		{"IP_MULTICAST_IF", ip("192.0.2.10"), `inet_addr("192.0.2.10")`},
		{"IP_MULTICAST_IF", slices.Concat(zero, ip("192.0.2.10")), `inet_addr("192.0.2.10")`},
		{"IP_MULTICAST_IF", slices.Concat(zero, zero, ints(index)), `if_nametoindex("lo")`},
		{"IP_ADD_MEMBERSHIP", slices.Concat(ip("233.252.0.1"), ip("192.0.2.10")),
			`{imr_multiaddr=inet_addr("233.252.0.1"), imr_interface=inet_addr("192.0.2.10")}`},
		{"IP_ADD_MEMBERSHIP", slices.Concat(ip("233.252.0.1"), ip("192.0.2.10"), ints(index)),
			`{imr_multiaddr=inet_addr("233.252.0.1"), imr_interface=if_nametoindex("lo")}`},
		{"IP_ADD_MEMBERSHIP", ip("233.252.0.1"), "bytes(e9 fc 00 01)"},
		{"IPV6_ADD_MEMBERSHIP", slices.Concat(ip("ff02::1234"), ints(index)),
			`{inet_pton(AF_INET6, "ff02::1234", &ipv6mr_multiaddr), ipv6mr_interface=if_nametoindex("lo")}`},
		{"TCP_MD5SIG", ints(0), "bytes(00 00 00 00)"},
		{"SO_REUSEADDR", nil, "NULL"},
	} {
		o, ok := lab.OptionOf(tt.option)
		if !ok {
			t.Fatalf("no option %s", tt.option)
		}
		if got := value(o, tt.bytes); got != tt.want {
			t.Errorf("%s of % x is written %s, want %s", tt.option, tt.bytes, got, tt.want)
		}
	}
}
