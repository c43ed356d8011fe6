package lab

import "fmt"

type (
	// PacketAddr is an address of packet(7) to bind to: packet(eth0, 0x0800), a NIC, "" for all of
	// them, and the protocol of the frames, 0 for that of the socket.
	PacketAddr struct {
		NIC      string
		Protocol uint16
	}
	// NetlinkAddr is an address of netlink(7): netlink(0, 1), a port and multicast groups. OwnPort is the
	// number of the process, which is what the kernel chooses for port 0, and another one on every run.
	NetlinkAddr struct{ Port, Groups uint32 }
)

// OwnPort stands for the number of the process as a port of netlink, "self".
const OwnPort = 1<<32 - 1

func (p PacketAddr) String() string { return fmt.Sprintf("packet(%s, %#04x)", Name(p.NIC), p.Protocol) }
func (n NetlinkAddr) String() string {
	if n.Port == OwnPort {
		return fmt.Sprintf("netlink(self, %d)", n.Groups)
	}
	return fmt.Sprintf("netlink(%d, %d)", n.Port, n.Groups)
}

func (PacketAddr) arg()  {}
func (NetlinkAddr) arg() {}
