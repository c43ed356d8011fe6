package lab

import "time"

// Packet is a packet that a host sent.
type Packet struct {
	Host   string
	Link   string // that it left by
	NIC    bool   // the link is one of the file's; else it is the loopback, or was made by a step or a program
	Time   time.Time
	Data   []byte // from the link-layer header on
	Length int    // of the whole packet, which Data is the beginning of
	// Unsummed says that the checksum of TCP or UDP has been left to the network
	// card: where it belongs stands the sum of the pseudo-header alone.
	Unsummed bool
}
