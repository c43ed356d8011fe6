package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

const connectHelp = `connect is the program of the note that labrun starts from: it makes one TCP
connection, and says what it calls. It is meant for hosts of a lab; anywhere else it
connects from where you are.

    $ labrun shell topologies/dual-nic.yaml alpha
    $ connect -r -b 44568 192.0.2.20 80
    setsockopt SO_REUSEADDR
    bind (0.0.0.0:44568)
    connect 192.0.2.20:80 ...
    connect succeed

An address may be a name of the host's: connect peer.x:80.

Then it waits, so that the connection stays: until its standard input ends (^D), or
the peer closes. From /dev/null that is at once, which leaves the port in TIME_WAIT;
with --keep its input does not matter, and it can be kept in the background.

Exit status: 0 it connected, 1 a call failed, 2 bad usage.`

// connectCommand makes "labrun connect", the note's other program. Its output is the note's, with
// its English: it is there to be compared with the note line by line.
func connectCommand() *cobra.Command {
	var reuse, keep bool
	var bind uint16
	cmd := &cobra.Command{
		Use:                   "connect [-r] [-b PORT] IP PORT | ADDRESS:PORT",
		Short:                 "make one connection, as the note's program does (in labrun shell)",
		Long:                  connectHelp,
		DisableFlagsInUseLine: true,
		Args:                  args(1, 2, "an IP and a PORT, or ADDRESS:PORT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := endpoint(args)
			if err != nil {
				return err
			}
			var from *netip.AddrPort
			if cmd.Flags().Changed("bind") {
				a := netip.AddrPortFrom(unspecified(to.Addr()), bind)
				from = &a
			}
			fd, err := seedSocket(cmd.OutOrStdout(), to.Addr(), reuse, from)
			if err != nil {
				return err
			}
			return connect(cmd.OutOrStdout(), fd, to, keep)
		},
	}
	cmd.Flags().BoolVarP(&reuse, "reuse", "r", false, "set SO_REUSEADDR before bind")
	cmd.Flags().Uint16VarP(&bind, "bind", "b", 0, "bind this `PORT` first")
	cmd.Flags().BoolVar(&keep, "keep", false,
		"do not look at standard input: only the peer, or a signal, ends the connection")
	return cmd
}

// connect connects, and stays as long as it should.
func connect(out io.Writer, fd int, to netip.AddrPort, keep bool) error {
	fmt.Fprintf(out, "connect %s ...\n", to)
	if err := unix.Connect(fd, sockaddr(to)); err != nil {
		return callFailed(out, "connect", err)
	}
	fmt.Fprintln(out, "connect succeed")
	// Both ends are watched at once: a peer that closes ends the program also where its input
	// stays open.
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: 0, Events: unix.POLLIN}}
	if keep {
		fds = fds[:1]
	}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll: %w", err)
		}
		for _, p := range fds {
			if p.Revents != 0 && ended(int(p.Fd)) {
				return nil // the kernel closes the connection
			}
		}
	}
}

// ended takes what there is to read, and reports whether nothing more will come.
func ended(fd int) bool {
	n, err := unix.Read(fd, make([]byte, 4096))
	return err == nil && n == 0 || err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN)
}

// seedSocket makes a TCP socket as the note's programs do: with the option
// between socket and bind, and bound if there is something to bind it to.
func seedSocket(out io.Writer, family netip.Addr, reuse bool, bind *netip.AddrPort) (int, error) {
	domain := unix.AF_INET
	if family.Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, callFailed(out, "socket", err)
	}
	if reuse {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return -1, callFailed(out, "setsockopt", err)
		}
		fmt.Fprintln(out, "setsockopt SO_REUSEADDR")
	}
	if bind != nil {
		fmt.Fprintf(out, "bind (%s)\n", bind)
		if err := unix.Bind(fd, sockaddr(*bind)); err != nil {
			return -1, callFailed(out, "bind", err)
		}
	}
	return fd, nil
}

// callFailed prints what the note's programs print when a call fails, in the
// words of strerror(3), which begin with a capital.
func callFailed(out io.Writer, call string, err error) error {
	words := err.Error()
	fmt.Fprintf(out, "%s failed:%s%s\n", call, strings.ToUpper(words[:1]), words[1:])
	return exitStatus(exitFailed)
}

// endpoint reads where the note's programs connect to: an IP and a PORT, or ADDRESS:PORT. An address may be a name of
// the host's, as peer.x.
func endpoint(words []string) (netip.AddrPort, error) {
	if len(words) == 1 {
		host, port, err := net.SplitHostPort(words[0])
		if err != nil {
			return netip.AddrPort{}, usagef("%q is not an ADDRESS:PORT, such as peer.x:80 or [2001:db8::1]:80", words[0])
		}
		words = []string{host, port}
	}
	return addrPort(words[0], words[1])
}

// addrPort reads an address and a port. A zone is refused, since sockaddr has no place for it: the kernel would be
// asked about another address than the one typed.
func addrPort(ip, port string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		if addr, err = named4(ip); err != nil {
			return netip.AddrPort{}, usagef("%q is neither an IP address nor a name in /etc/hosts", ip)
		}
	}
	if addr.Zone() != "" {
		return netip.AddrPort{}, usagef("%q is not an IP address", ip)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, usagef("%q is not a port: 0 to 65535", port)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// named4 returns the address that /etc/hosts has for a name, an IPv4 one if there is. In a host of a lab these are the
// names of its file. No other place is asked: a lab has no name server, and the machine's is not the lab's.
func named4(name string) (netip.Addr, error) {
	nobody := func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server is asked")
	}
	r := net.Resolver{PreferGo: true, Dial: nobody}
	all, err := r.LookupNetIP(context.Background(), "ip", name)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range all {
		if a = a.Unmap(); a.Is4() {
			return a, nil
		}
	}
	return all[0], nil
}

// unspecified is the wildcard address of the same family, which "-b PORT" binds: a socket of one
// family cannot be bound to an address of the other.
func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
