package fabric

import (
	"encoding/binary"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// floor is the least that a lab can cost: the system calls of a plan on bare
// descriptors, with messages that were put into bytes beforehand. It asks no
// index and waits for no carrier, so its labs would lose packets.
type floor []bareOp

// bareOp makes a namespace, or writes a file, or sends a message.
type bareOp struct {
	space   int // the namespace that the op is about, the fabric is 0
	add     bool
	path    string
	text    []byte
	message []byte
	pair    bool // of links: the descriptor of peer is to go into the message
	peer    int
}

// peerMark stands in a message where the descriptor will be.
const peerMark = 0x5ca1ab1e

func newFloor(t testing.TB, p plan.Plan) floor {
	t.Helper()
	var f floor
	spaces, last, links := map[string]int{}, map[string]int{}, map[string]int{}
	// A link gets the next index of its namespace; of a pair, the far end is made first (veth_newlink).
	link := func(ns, name string) {
		last[ns]++
		links[ns+" "+name] = last[ns]
	}
	for _, o := range p.Ops {
		op := bareOp{}
		switch o := o.(type) {
		case plan.AddNamespace:
			spaces[o.NS] = len(spaces)
			link(o.NS, "lo")
			op = bareOp{space: spaces[o.NS], add: true}
		case plan.Sysctl:
			op = bareOp{space: spaces[o.NS], path: sysctlPath(o.Key), text: []byte(o.Value)}
		case plan.Stock, plan.Neighbours: // on a stock machine they send nothing
			continue
		case plan.AddBridge:
			link(o.NS, o.Name)
			op = bareOp{space: spaces[o.NS], message: addBridge(o).Serialize()}
		case plan.AddVeth:
			link(o.HostNS, o.NIC)
			link(o.NS, o.Port)
			op = bareOp{space: spaces[o.NS], pair: true, peer: spaces[o.HostNS],
				message: addVeth(o, links[o.NS+" "+o.Bridge], peerMark).Serialize()}
		case plan.AddCable:
			near, far := o.Ends[0], o.Ends[1]
			link(far.NS, far.NIC)
			link(near.NS, near.NIC)
			op = bareOp{space: spaces[near.NS], pair: true, peer: spaces[far.NS],
				message: addCable(o, peerMark).Serialize()}
		case plan.SetMaster:
			link, master := links[o.NS+" "+o.Name], links[o.NS+" "+o.Master]
			op = bareOp{space: spaces[o.NS], message: setMaster(link, master).Serialize()}
		case plan.AddAddress:
			op = bareOp{space: spaces[o.NS], message: addAddress(o, links[o.NS+" "+o.NIC]).Serialize()}
		case plan.AddressMode:
			op = bareOp{space: spaces[o.NS], message: addressMode(links[o.NS+" "+o.NIC], o.Mode).Serialize()}
		case plan.LinkUp:
			op = bareOp{space: spaces[o.NS], message: linkUp(links[o.NS+" "+o.Name]).Serialize()}
		default:
			t.Fatalf("unknown op %T", o)
		}
		f = append(f, op)
	}
	return f
}

// bareSpace is a namespace and the netlink socket in it.
type bareSpace struct{ ns, route int }

func (f floor) up() ([]bareSpace, error) {
	var spaces []bareSpace
	answer := make([]byte, 4096)
	for _, o := range f {
		var err error
		switch {
		case o.add:
			var s bareSpace
			s, err = addBareSpace()
			spaces = append(spaces, s)
		case o.path != "":
			err = writeBare(o.path, o.text)
		default:
			if o.pair {
				putPeer(o.message, spaces[o.peer].ns)
			}
			err = sendBare(spaces[o.space].route, o.message, answer)
			if o.pair {
				putMark(o.message, spaces[o.peer].ns)
			}
		}
		if err != nil {
			return spaces, err
		}
	}
	for i := range spaces {
		unix.Close(spaces[i].route)
	}
	return spaces, nil
}

func down(spaces []bareSpace) {
	for _, s := range spaces {
		unix.Close(s.ns)
	}
}

func addBareSpace() (s bareSpace, err error) {
	if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return s, err
	}
	if s.ns, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return s, err
	}
	if s.route, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE); err != nil {
		return s, err
	}
	return s, unix.Bind(s.route, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func writeBare(path string, text []byte) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, text)
	unix.Close(fd)
	return err
}

func sendBare(fd int, message, answer []byte) error {
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.NLMSG_HDRLEN+4 {
		return unix.EBADMSG
	}
	if errno := int32(binary.NativeEndian.Uint32(answer[unix.NLMSG_HDRLEN:])); errno != 0 {
		return os.NewSyscallError("rtnetlink", unix.Errno(-errno))
	}
	return nil
}

func putPeer(message []byte, fd int) { replace(message, peerMark, uint32(fd)) }
func putMark(message []byte, fd int) { replace(message, uint32(fd), peerMark) }

// replace changes the last attribute word that is old: the descriptor is the
// last attribute of a veth's message.
func replace(message []byte, old, new uint32) {
	for i := len(message) - 4; i >= 0; i -= 4 {
		if binary.NativeEndian.Uint32(message[i:]) == old {
			binary.NativeEndian.PutUint32(message[i:], new)
			return
		}
	}
}
