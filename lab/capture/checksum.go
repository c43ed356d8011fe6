package capture

import "encoding/binary"

// complete puts the checksum of TCP or UDP where it belongs, as a network card
// would: nothing in a lab needs it, and every reader would call the packet broken.
// The checksum of such a packet is the sum of the pseudo-header.
func complete(frame []byte) {
	protocol, segment := transport(frame)
	at := 0
	switch {
	case protocol == protocolTCP && len(segment) >= 20:
		at = 16
	case protocol == protocolUDP && len(segment) >= 8:
		at = 6
	default:
		return
	}
	sum := ^checksum(segment)
	if sum == 0 && protocol == protocolUDP {
		sum = 0xffff // zero would say that there is none, RFC 768
	}
	binary.BigEndian.PutUint16(segment[at:], sum)
}

// The numbers of protocols that stand in IP headers. SCTP and DCCP have checksums of their own,
// which no card fills in here: such packets are left as they are.
const (
	protocolTCP = 6
	protocolUDP = 17
)

// transport returns what is in an IP packet: a protocol and its segment.
func transport(frame []byte) (protocol byte, segment []byte) {
	const header = 14 // of Ethernet
	if len(frame) < header {
		return 0, nil
	}
	ip := frame[header:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		if len(ip) >= 20 {
			if n := int(ip[0]&15) * 4; n >= 20 && n <= len(ip) {
				return ip[9], ip[n:]
			}
		}
	case 0x86dd:
		if len(ip) >= 40 {
			return beyond(ip[6], ip[40:])
		}
	}
	return 0, nil
}

// beyond skips the extension headers of IPv6 that packets are sent with.
func beyond(next byte, rest []byte) (byte, []byte) {
	const hopByHop, routing, destination = 0, 43, 60
	for next == hopByHop || next == routing || next == destination {
		if len(rest) < 8 {
			return 0, nil
		}
		n := (int(rest[1]) + 1) * 8
		if n > len(rest) {
			return 0, nil
		}
		next, rest = rest[0], rest[n:]
	}
	return next, rest
}

// checksum is the sum of 16-bit words of RFC 1071.
func checksum(data []byte) uint16 {
	var sum uint64
	for ; len(data) > 1; data = data[2:] {
		sum += uint64(binary.BigEndian.Uint16(data))
	}
	if len(data) == 1 {
		sum += uint64(data[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
