package fabric

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// Attributes of linux/inet_diag.h: INET_DIAG_SKV6ONLY, and INET_DIAG_SOCKOPT, which
// kernels before 5.10 do not send.
const (
	attrV6Only  = 11
	attrSockOpt = 22
)

// timerNames are the values of idiag_timer as ss(8) calls them, by
// inet_csk_diag_fill in net/ipv4/inet_diag.c.
var timerNames = []string{"", "on", "keepalive", "timewait", "persist"}

func timerName(timer uint8) string {
	if int(timer) < len(timerNames) {
		return timerNames[timer]
	}
	return strconv.Itoa(int(timer))
}

// sockOpts are the bits of struct inet_diag_sockopt, first to last, that tell what
// somebody has set: the other ones are on by default, or the kernel's own.
var sockOpts = [][8]string{
	{0: "IP_RECVERR", 2: "IP_FREEBIND", 3: "IP_HDRINCL", 5: "IP_TRANSPARENT", 7: "IP_NODEFRAG"},
	{0: "IP_BIND_ADDRESS_NO_PORT"},
}

// optionNames reads struct inet_diag_sockopt. IPv6's options of the same meaning
// share the bits.
func optionNames(sockopt []byte) (names []string) {
	for i, b := range sockopt[:min(len(sockopt), len(sockOpts))] {
		if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 { // there a bit-field begins at the other end
			b = bits.Reverse8(b)
		}
		for bit, name := range sockOpts[i] {
			if name != "" && b&(1<<bit) != 0 {
				names = append(names, name)
			}
		}
	}
	return names
}
