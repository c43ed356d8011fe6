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
	peer    int // for a veth: whose descriptor is to go into the message
}

// peerMark stands in a message where the descriptor will be.
const peerMark = 0x5ca1ab1e

func newFloor(t testing.TB, p plan.Plan) floor {
	t.Helper()
	var f floor
	spaces, bridges, nics := map[string]int{}, map[string]int{}, map[string]int{}
	for _, o := range p.Ops {
		op := bareOp{}
		switch o := o.(type) {
		case plan.AddNamespace:
			spaces[o.NS] = len(spaces)
			op = bareOp{space: spaces[o.NS], add: true}
		case plan.Sysctl:
			op = bareOp{space: spaces[o.NS], path: sysctlPath(o.Key), text: []byte(o.Value)}
		case plan.Stock, plan.Neighbours: // on a stock machine they send nothing
			continue
		case plan.AddBridge: // in a new namespace, indexes follow upon lo's
			bridges[o.Name] = 2 + len(bridges)
			op = bareOp{message: addBridge(o).Serialize()}
		case plan.AddVeth:
			nics[o.HostNS]++
			nics[o.HostNS+" "+o.NIC] = 1 + nics[o.HostNS]
			op = bareOp{peer: spaces[o.HostNS], message: addVeth(o, bridges[o.Bridge], peerMark).Serialize()}
		case plan.AddCable:
			for _, e := range o.Ends {
				nics[e.NS]++
				nics[e.NS+" "+e.NIC] = 1 + nics[e.NS]
			}
			op = bareOp{space: spaces[o.Ends[0].NS], peer: spaces[o.Ends[1].NS], message: addCable(o, peerMark).Serialize()}
		case plan.AddAddress:
			op = bareOp{space: spaces[o.NS], message: addAddress(o, nics[o.NS+" "+o.NIC]).Serialize()}
		case plan.LinkUp:
			index := nics[o.NS+" "+o.Name]
			switch {
			case o.Name == "lo":
				index = 1
			case spaces[o.NS] == 0:
				index = bridges[o.Name]
			}
			op = bareOp{space: spaces[o.NS], message: linkUp(index).Serialize()}
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
			if o.peer != 0 {
				putPeer(o.message, spaces[o.peer].ns)
			}
			err = sendBare(spaces[o.space].route, o.message, answer)
			if o.peer != 0 {
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
