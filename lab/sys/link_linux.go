package sys

import "golang.org/x/sys/unix"

// LinkIndex returns the index of the link of that name in the namespace that any socket
// belongs to, netdevice(7). Unlike a message of rtnetlink(7) the call does not queue for
// rtnetlink's lock. EINVAL is that the name is too long for a link.
func LinkIndex(socket int, name string) (uint32, error) {
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(socket, unix.SIOCGIFINDEX, ifr)
	}
	if err != nil {
		return 0, err
	}
	return ifr.Uint32(), nil
}

// LinkName returns the name of the link with that index.
func LinkName(socket int, index uint32) (string, error) {
	ifr, err := unix.NewIfreq("") // the place of the answer
	if err == nil {
		ifr.SetUint32(index)
		err = unix.IoctlIfreq(socket, unix.SIOCGIFNAME, ifr)
	}
	if err != nil {
		return "", err
	}
	return ifr.Name(), nil
}
