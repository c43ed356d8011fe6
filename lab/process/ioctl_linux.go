package process

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// linkCommands are the commands of netdevice(7), with whether each is about an address. The kernel reads and
// writes a whole struct ifreq for each, so none may ever be made with the memory of a number alone.
var linkCommands = map[uint]bool{
	unix.SIOCGIFADDR: true, unix.SIOCSIFADDR: true, unix.SIOCGIFNETMASK: true, unix.SIOCSIFNETMASK: true,
	unix.SIOCGIFBRDADDR: true, unix.SIOCSIFBRDADDR: true, unix.SIOCGIFMTU: false, unix.SIOCSIFMTU: false,
}

// ioctlLink makes a call with a struct ifreq: the name of a link, and an address as a struct sockaddr_in or a
// number. Without a link the name is "", which is a question, too.
func ioctlLink(r *request, command uint, isAddress bool) reply {
	name := ""
	if len(r.Args) > 2 {
		link, _ := r.Args[2].of.(lab.Name)
		name = string(link)
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return ended(err)
	}
	if len(r.Args) > 3 {
		switch to := r.Args[3].of.(type) {
		case lab.Int:
			ifr.SetUint32(uint32(to))
		case lab.Word:
			ip, err := netip.ParseAddr(string(to))
			if err != nil {
				return reply{Broken: err.Error()}
			}
			if err := ifr.SetInet4Addr(ip.AsSlice()); err != nil { // IPv6 has no such calls
				return ended(err)
			}
		}
	}
	if err := unix.IoctlIfreq(r.fds[0], command, ifr); err != nil || len(r.Args) > 3 {
		return ended(err)
	}
	if !isAddress {
		return okWith(lab.Int(ifr.Uint32()))
	}
	b, err := ifr.Inet4Addr()
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return okWith(lab.Word(netip.AddrFrom4([4]byte(b)).String()))
}
