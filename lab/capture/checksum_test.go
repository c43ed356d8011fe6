package capture

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestComplete fills checksums in that the kernel has left out, and a receiver
// finds them right. It touches nothing else.
func TestComplete(t *testing.T) {
	v4 := func(protocol byte, options, segment []byte) []byte {
		ip := append([]byte{0x45 + byte(len(options)/4), 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0,
			2, 2}, options...)
		return append(append(make([]byte, 12), 8, 0), append(ip, segment...)...)
	}
	v6 := func(next byte, extension, segment []byte) []byte {
		ip := make([]byte, 40)
		ip[0], ip[6], ip[8], ip[39] = 0x60, next, 0x20, 1
		return append(append(make([]byte, 12), 0x86, 0xdd), append(append(ip, extension...), segment...)...)
	}
	tcp, udp := append(make([]byte, 20), "odd"...), append(make([]byte, 8), "even"...)
	tcp[0], udp[1] = 0x12, 53
	for _, c := range []struct {
		name            string
		frame           []byte
		segment, at     int // where they are
		protocol        byte
		source, sources int // the addresses
	}{
		{"TCP", v4(6, nil, tcp), 34, 16, 6, 26, 8},
		{"UDP", v4(17, nil, udp), 34, 6, 17, 26, 8},
		{"options", v4(6, make([]byte, 8), tcp), 42, 16, 6, 26, 8},
		{"TCP over IPv6", v6(6, nil, tcp), 54, 16, 6, 22, 32},
		{"UDP behind a hop-by-hop header", v6(0, append([]byte{17, 1}, make([]byte, 14)...), udp), 70, 6, 17, 22, 32},
	} {
		t.Run(c.name, func(t *testing.T) {
			pseudo := append([]byte(nil), c.frame[c.source:c.source+c.sources]...)
			pseudo = append(pseudo, 0, c.protocol)
			pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(c.frame)-c.segment))
			at := c.frame[c.segment+c.at:]
			binary.BigEndian.PutUint16(at, checksum(pseudo)) // what the kernel leaves there
			before := bytes.Clone(c.frame)
			complete(c.frame)
			if sum := checksum(append(pseudo, c.frame[c.segment:]...)); sum != 0xffff {
				t.Errorf("a receiver computes %#04x", sum)
			}
			copy(before[c.segment+c.at:], at[:2])
			if !bytes.Equal(before, c.frame) {
				t.Error("more than the checksum has changed")
			}
		})
	}

	zero := v4(17, nil, []byte{0, 0, 0, 0, 0, 0, 0xff, 0xff}) // sums up to 0xffff: a checksum of 0
	if complete(zero); !bytes.Equal(zero[40:42], []byte{0xff, 0xff}) {
		t.Errorf("UDP's checksum is % x, which is none", zero[40:42])
	}
}

// FuzzComplete has packets of any kind.
func FuzzComplete(f *testing.F) {
	f.Add([]byte{})
	f.Add(append(make([]byte, 12), 8, 0, 0x4f))
	f.Add(append(append(make([]byte, 12), 0x86, 0xdd), make([]byte, 41)...))
	f.Fuzz(func(_ *testing.T, frame []byte) { complete(frame) })
}
