package capture

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// The blocks of a pcapng file (draft-ietf-opsawg-pcapng). gopacket can write them
// too, but takes a millisecond to load (the tables of all its protocols), and every
// process of a lab is this program.
const (
	sectionHeader        = 0x0a0d0d0a
	interfaceDescription = 1
	nameResolution       = 4
	interfaceStatistics  = 5
	enhancedPacket       = 6
)

// The options of blocks.
const (
	optComment = 1 // of all kinds

	shbHardware, shbOS, shbApplication                  = 2, 3, 4
	ifName, ifDescription, ifIPv4, ifIPv6, ifTimeDigits = 2, 3, 4, 5, 9
	isbStart, isbEnd, isbReceived, isbDropped           = 2, 3, 4, 5

	nameOfIPv4, nameOfIPv6 = 1, 2 // records of nameResolution
)

// block is a block while it is put together, without its type and lengths.
type block []byte

func (b *block) uint16(n uint16) { *b = binary.LittleEndian.AppendUint16(*b, n) }
func (b *block) uint32(n uint32) { *b = binary.LittleEndian.AppendUint32(*b, n) }

// bytes appends bytes and fills up to a multiple of four.
func (b *block) bytes(data []byte) {
	*b = append(*b, data...)
	*b = append(*b, make([]byte, -len(data)&3)...)
}

// time appends a time in nanoseconds, the high half first.
func (b *block) time(t time.Time) {
	n := uint64(t.UnixNano())
	b.uint32(uint32(n >> 32))
	b.uint32(uint32(n))
}

// option appends an option, or a record of nameResolution.
func (b *block) option(code uint16, value []byte) {
	b.uint16(code)
	b.uint16(uint16(len(value)))
	b.bytes(value)
}

// text appends an option that is a text, unless it is empty. A longer one than
// fits is cut.
func (b *block) text(code uint16, s string) {
	const most = 1<<16 - 1
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") // the cut may be within a character
	}
	if s != "" {
		b.option(code, []byte(s))
	}
}

func (b *block) timeOption(code uint16, t time.Time) {
	var value block
	value.time(t)
	b.option(code, value)
}

// count appends a counter of 64 bits, which stays right however long a run is.
func (b *block) count(code uint16, n uint64) {
	b.option(code, binary.LittleEndian.AppendUint64(nil, n))
}

// end appends opt_endofopt, which also ends the records of nameResolution.
func (b *block) end() { b.uint32(0) }

// appendTo appends the whole block to a file.
func (b block) appendTo(file block, kind uint32) block {
	length := uint32(len(b) + 12)
	file.uint32(kind)
	file.uint32(length)
	file = append(file, b...)
	file.uint32(length)
	return file
}

// section is the block that begins a file. The length is left open: files are written as packets
// come, and a reader takes what is there, also when the writing was cut off.
func section(i *Section) block {
	var b block
	b.uint32(0x1a2b3c4d) // tells the order of bytes
	b.uint16(1)          // version 1.0
	b.uint16(0)
	b.uint32(1<<32 - 1) // as long as the file is: -1 in 64 bits
	b.uint32(1<<32 - 1)
	b.text(optComment, i.Comment)
	b.text(shbHardware, i.Hardware)
	b.text(shbOS, i.OS)
	b.text(shbApplication, i.Application)
	b.end()
	return b
}

// link is an interface of a file.
type link struct {
	host, name  string
	description string
	prefixes    []netip.Prefix

	packets, dropped int
}

// linkEthernet is LINKTYPE_ETHERNET. The loopback says that it is one, too, with addresses of zeros:
// so one reader serves every interface of a file.
const linkEthernet = 1

// description is the block of an interface. Its times count in nanoseconds (if_tsresol 9), as the
// kernel stamps packets: in microseconds a SYN and its answer would often be at the same time.
func description(i *link) block {
	var b block
	b.uint16(linkEthernet)
	b.uint16(0)
	b.uint32(0) // packets are not cut
	b.text(ifName, i.host+"/"+i.name)
	b.text(ifDescription, i.description)
	for _, p := range i.prefixes {
		b.prefix(p)
	}
	b.option(ifTimeDigits, []byte{9})
	b.end()
	return b
}

// prefix appends an address of an interface.
func (b *block) prefix(p netip.Prefix) {
	if p.Addr().Is6() {
		b.option(ifIPv6, append(p.Addr().AsSlice(), byte(p.Bits())))
		return
	}
	mask := binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-p.Bits()))
	b.option(ifIPv4, append(p.Addr().AsSlice(), mask...))
}

// names says what addresses are called.
func names(records []record) block {
	var b block
	for _, r := range records {
		kind := uint16(nameOfIPv4)
		if r.addr.Is6() {
			kind = nameOfIPv6
		}
		b.option(kind, append(append(r.addr.AsSlice(), r.name...), 0))
	}
	b.end()
	b.end() // of the options: there are none
	return b
}

// record is a name of an address. Wireshark shows alpha.x for 192.0.2.10 by it, so that a capture
// reads as the steps do.
type record struct {
	addr netip.Addr
	name string
}

// packet is the block of a packet. length is that on the wire; data may be shorter where the
// kernel cut it for the listener.
func packet(id uint32, at time.Time, data []byte, length int) block {
	var b block
	b.uint32(id)
	b.time(at)
	b.uint32(uint32(len(data)))
	b.uint32(uint32(length))
	b.bytes(data)
	return b
}

// statistics is the block that ends an interface. Without it a reader could not tell a host that
// sent nothing from one whose packets were lost.
func statistics(id uint32, i *link, start, end time.Time) block {
	var b block
	b.uint32(id)
	b.time(end)
	if i.dropped > 0 {
		b.text(optComment, "the kernel counts what it dropped for all links of a host together")
	}
	b.timeOption(isbStart, start)
	b.timeOption(isbEnd, end)
	b.count(isbReceived, uint64(i.packets))
	b.count(isbDropped, uint64(i.dropped))
	b.end()
	return b
}
