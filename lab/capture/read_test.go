package capture

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// read takes a pcapng file apart, by the letter of the specification, and says what
// is in it: a line for each block.
func read(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for len(data) > 0 {
		if len(data) < 12 {
			t.Fatalf("%d bytes after the last block", len(data))
		}
		kind, n := u32(data), int(u32(data[4:]))
		if n%4 != 0 || n < 12 || n > len(data) || int(u32(data[n-4:])) != n {
			t.Fatalf("block %d has a length of %d and %d, in %d bytes", len(lines), n, u32(data[min(n, len(data))-4:]),
				len(data))
		}
		lines = append(lines, line(t, kind, data[8:n-4]))
		data = data[n:]
	}
	return lines
}

func u32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

func line(t *testing.T, kind uint32, b []byte) string {
	t.Helper()
	switch kind {
	case 0x0a0d0d0a:
		if u32(b) != 0x1a2b3c4d || u32(b[4:]) != 1 || binary.LittleEndian.Uint64(b[8:]) != 1<<64-1 {
			t.Errorf("section header % x", b[:16])
		}
		return "section" + options(t, b[16:], map[uint16]string{1: "comment", 2: "hardware", 3: "os", 4: "application"})
	case 1:
		return fmt.Sprintf("interface of type %d", u32(b)) + options(t, b[8:], map[uint16]string{
			2: "name", 3: "description", 4: "ipv4", 5: "ipv6", 9: "digits"})
	case 4:
		records := options(t, b[:len(b)-4], map[uint16]string{1: "ipv4", 2: "ipv6"})
		return "names" + records
	case 5:
		return fmt.Sprintf("statistics of %d", u32(b)) +
			options(t, b[12:], map[uint16]string{1: "comment", 4: "received", 5: "dropped"})
	case 6:
		at := time.Unix(0, int64(uint64(u32(b[4:]))<<32|uint64(u32(b[8:])))).UTC()
		return fmt.Sprintf("packet of %d at %s, %d bytes: %q", u32(b), at.Format("15:04:05.000000000"), u32(b[16:]),
			b[20:20+u32(b[12:])])
	}
	t.Fatalf("a block of type %d", kind)
	return ""
}

// options lists the options that have names.
func options(t *testing.T, b []byte, names map[uint16]string) string {
	t.Helper()
	var s strings.Builder
	for {
		code, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if code == 0 {
			if len(b) != 4 {
				t.Errorf("%d bytes after the last option", len(b)-4)
			}
			return s.String()
		}
		if name, ok := names[code]; ok {
			value := b[4 : 4+n]
			switch name {
			case "received", "dropped":
				fmt.Fprintf(&s, ", %s %d", name, binary.LittleEndian.Uint64(value))
			case "ipv4", "ipv6", "digits":
				fmt.Fprintf(&s, ", %s %x", name, value)
			default:
				fmt.Fprintf(&s, ", %s %q", name, value)
			}
		}
		b = b[4+(n+3)/4*4:]
	}
}
