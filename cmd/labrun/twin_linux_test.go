package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// twins are the lessons whose every cell a second program asks about too, in
// namespaces that ip(8) has made, and twinCells how many of overlap's.
var twins = []string{"dual-nic", "time-wait", "tw-reuse", "port-zero", "multicast", "second-nic", "overlap"}

const twinCells = 300

const twinEnv = "LABRUN_TWIN" // the folder with the reports, in the child

// TestTwin asks the kernel without labrun: ip(8) alone makes the namespaces, and the
// calls are made here. Every answer is what labrun was told.
func TestTwin(t *testing.T) {
	if dir := os.Getenv(twinEnv); dir != "" {
		twinMain(t, dir)
		return
	}
	needNetNS(t)
	if testing.Short() {
		t.Skip("-short")
	}
	for _, program := range []string{"ip", "bridge", "unshare", "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			skipTwin(t, err.Error())
		}
	}
	if os.Getuid() != 0 {
		skipTwin(t, "ip netns needs root")
	}
	dir := t.TempDir()
	for _, name := range twins {
		args := []string{"-o", filepath.Join(dir, name+".json"), filepath.Join("../../topologies", name+".yaml")}
		if name == "overlap" {
			args = append(args, "--only", "pairs")
		}
		if out, err := labrun(t, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	self, err := os.Executable()
	mustTwin(t, err)
	// Names in /run/netns are for this mount namespace alone.
	cmd := exec.Command("unshare", "-mn", "sh", "-c", `mount -t tmpfs none /run && exec "$@"`, "sh", self,
		"-test.run=^TestTwin$", "-test.v")
	cmd.Env = append(os.Environ(), twinEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func mustTwin(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func skipTwin(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("LABRUN_NETNS") == "required" {
		t.Fatalf("LABRUN_NETNS=required: %s", why)
	}
	t.Skip(why)
}

func twinMain(t *testing.T, dir string) {
	nth := 0
	for _, name := range twins {
		top, err := topology.Load(topology.Source{File: filepath.Join("../../topologies", name+".yaml")})
		mustTwin(t, err)
		m := &readReport(t, filepath.Join(dir, name+".json")).Matrices[0]
		var bridges, gone []string
		for i := range top.Networks {
			bridges = append(bridges, fmt.Sprintf("link add br%d type bridge", i), fmt.Sprintf("link set br%d up", i))
			gone = append(gone, fmt.Sprintf("link del br%d", i))
		}
		mustTwin(t, ipBatch("", bridges))
		var cells, answers atomic.Int64
		var workers sync.WaitGroup
		room := make(chan struct{}, 1) // hosts of two cells would meet on the bridges
		stride := max(1, len(m.Cells)/twinCells)
		for i := 0; i < len(m.Cells); i += stride {
			c := &m.Cells[i]
			if c.Verdict != result.Pass {
				continue // what this kernel lacks
			}
			nth++ // a namespace that is gone takes its links along in its own time
			tw := &twin{
				nth: nth, t: top, e: top.Experiment(m.Rows[c.Row].Name), subject: m.HostOf(c),
				ports: map[string]uint16{}, tables: map[lab.Process]*table{},
			}
			room <- struct{}{}
			workers.Go(func() {
				n, err := tw.compare(c.Combo, c.Answers())
				if err != nil {
					t.Errorf("%s: %s on %s: %v", name, m.NameOf(c), tw.subject, err)
				}
				cells.Add(1)
				answers.Add(int64(n))
				<-room
			})
		}
		workers.Wait()
		mustTwin(t, ipBatch("", gone))
		t.Logf("%s: %d of %d cells, %d answers", name, cells.Load(), len(m.Cells), answers.Load())
		if cells.Load() == 0 {
			t.Errorf("%s: nothing was compared", name)
		}
	}
}

// compare asks a cell and returns how many answers are those wanted, up to the first
// that is not.
func (w *twin) compare(combo lab.Combo, want []string) (n int, err error) {
	steps := w.e.StepsOf(combo)
	if len(want) != len(steps) {
		return 0, fmt.Errorf("%d answers to %d steps", len(want), len(steps))
	}
	err = w.run(func() error {
		for i, s := range steps {
			got, err := w.step(s, want[i])
			if err != nil {
				return fmt.Errorf("%s: %w", s.Call, err)
			}
			if got != want[i] {
				return fmt.Errorf("step %d, %s: labrun has %s, the twin %s", i+1, s.Call, want[i], got)
			}
			n++
		}
		return nil
	})
	return n, err
}

// twin is a cell that is asked without labrun.
type twin struct {
	nth     int // all names of its namespaces and ports end with it
	t       *lab.Topology
	e       *lab.Experiment
	subject string
	hosts   []string
	ns      map[string]int
	here    string // where the thread is
	ports   map[string]uint16
	tables  map[lab.Process]*table
}

// table is the descriptors of a process. One operating-system process has them all:
// a copy that fork makes is another descriptor of the same socket.
type table struct {
	names []string
	fds   map[string]int
	types map[string]string
}

func (w *twin) run(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		err := w.up()
		if err == nil {
			err = f()
		}
		for _, p := range w.tables {
			p.close()
		}
		done <- errors.Join(err, w.down())
	}()
	return <-done
}

func ipBatch(ns string, lines []string) error {
	args := []string{"-batch", "-"}
	if ns != "" {
		args = []string{"-n", ns, "-batch", "-"}
	}
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w\n%s\n%s", strings.Join(args, " "), err, strings.Join(lines, "\n"), out)
	}
	return nil
}

func (w *twin) netns(host string) string { return fmt.Sprintf("%s-%d", host, w.nth) }

// up makes the hosts, with ports of this namespace's bridges.
func (w *twin) up() error {
	w.hosts = w.e.HostsUsed(&w.t.Layout, w.subject)
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	w.ns = map[string]int{"": fd} // the bridges' own; ip(8) starts where the thread is
	var fabric []string
	ports := 0
	inside := map[string][]string{}
	for _, name := range w.hosts {
		h := w.t.Host(name)
		fabric = append(fabric, "netns add "+w.netns(name))
		inside[name] = []string{"link set lo up"}
		for _, n := range h.NICs {
			network := slices.IndexFunc(w.t.Networks, func(x lab.Network) bool { return x.Name == n.Network })
			fabric = append(fabric,
				fmt.Sprintf("link add p%d-%d numtxqueues 1 numrxqueues 1 type veth peer name %s numtxqueues 1 "+
					"numrxqueues 1 netns %s", ports, w.nth, n.Name, w.netns(name)),
				fmt.Sprintf("link set p%d-%d master br%d up", ports, w.nth, network))
			ports++
			for _, a := range n.Addresses {
				line := fmt.Sprintf("addr add %s dev %s", a.Prefix, n.Name)
				if a.Prefix.Addr().Is6() {
					line += " nodad"
				}
				inside[name] = append(inside[name], line)
			}
			inside[name] = append(inside[name], fmt.Sprintf("link set %s up", n.Name))
		}
	}
	if err := ipBatch("", fabric); err != nil {
		return err
	}
	for _, name := range w.hosts {
		if err := ipBatch(w.netns(name), inside[name]); err != nil {
			return err
		}
		fd, err := unix.Open("/run/netns/"+w.netns(name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		w.ns[name] = fd
	}
	return w.await(ports)
}

// await waits until the bridges pass frames and the hosts take packets for their IPv6
// addresses.
func (w *twin) await(ports int) error {
	return within(20*time.Second, func() (bool, error) {
		if err := w.enter(""); err != nil {
			return false, err
		}
		out, err := exec.Command("bridge", "link", "show").Output()
		if err != nil {
			return false, err
		}
		forwarding := 0
		for line := range bytes.Lines(out) {
			if bytes.Contains(line, fmt.Appendf(nil, "-%d@", w.nth)) &&
				bytes.Contains(line, []byte("state forwarding")) {
				forwarding++
			}
		}
		if forwarding < ports {
			return false, nil
		}
		for _, name := range w.hosts {
			if err := w.enter(name); err != nil {
				return false, err
			}
			routes, err := os.ReadFile("/proc/thread-self/net/ipv6_route")
			if err != nil && !os.IsNotExist(err) {
				return false, err
			}
			for _, n := range w.t.Host(name).NICs {
				for _, a := range n.Addresses {
					ip := a.Prefix.Addr()
					if ip.Is6() && !bytes.Contains(routes, []byte(hex.EncodeToString(ip.AsSlice())+" 80 ")) {
						return false, nil
					}
				}
			}
		}
		return true, nil
	})
}

func within(limit time.Duration, f func() (bool, error)) error {
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if ok, err := f(); ok || err != nil {
			return err
		}
		if time.Since(start) > limit {
			return context.DeadlineExceeded
		}
	}
}

func (w *twin) down() error {
	if err := w.enter(""); err != nil {
		return err
	}
	var lines []string
	for name, fd := range w.ns {
		unix.Close(fd)
		if name != "" {
			lines = append(lines, "netns del "+w.netns(name))
		}
	}
	return ipBatch("", lines)
}

func (w *twin) enter(host string) error {
	if w.here == host {
		return nil
	}
	w.here = host
	return unix.Setns(w.ns[host], unix.CLONE_NEWNET)
}

// errTwin is a call that the twin does not know: the test is to learn it.
func errTwin(what any) error { return fmt.Errorf("the twin cannot do %v", what) }

// step makes a call and returns its answer in labrun's words. What takes a while is
// waited for until it is as wanted.
func (w *twin) step(s *lab.Step, want string) (string, error) {
	who := lab.Process{Host: w.t.HostOf(s.Process.Host, w.subject), Name: s.Process.Name}
	if err := w.enter(who.Host); err != nil {
		return "", err
	}
	for _, u := range w.e.Users {
		if w.t.HostOf(u.Process.Host, w.subject) == who.Host && u.Process.Name == who.Name {
			// The thread's alone, unlike setuid(2): a socket is its maker's (sock_alloc).
			if err := unix.Setfsuid(int(u.User)); err != nil {
				return "", err
			}
			defer func() { _ = unix.Setfsuid(0) }()
		}
	}
	p := w.tables[who]
	if p == nil {
		p = &table{fds: map[string]int{}, types: map[string]string{}}
		w.tables[who] = p
	}
	value, err := w.call(who, p, s, want)
	var errno unix.Errno
	switch {
	case errors.As(err, &errno):
		return unix.ErrnoName(errno), nil
	case errors.Is(err, context.DeadlineExceeded):
		return "blocked", nil
	case err != nil:
		return "", err
	case value == "":
		return "ok", nil
	}
	return value, nil
}

func (w *twin) call(who lab.Process, p *table, s *lab.Step, want string) (string, error) {
	args := s.Call.Args
	fd := -1
	if len(args) > 0 {
		if name, ok := args[0].(lab.Sock); ok {
			var has bool
			if fd, has = p.fds[string(name)]; !has {
				return "", fmt.Errorf("no socket %s", name)
			}
		}
	}
	limit := s.LimitOr()
	switch s.Call.Name {
	case "socket":
		kind := args[0].String()
		family, style := unix.AF_INET, unix.SOCK_STREAM
		if strings.HasSuffix(kind, "6") {
			family = unix.AF_INET6
		}
		switch strings.TrimSuffix(kind, "6") {
		case "udp":
			style = unix.SOCK_DGRAM
		case "tcp":
		default:
			return "", errTwin(kind)
		}
		if len(args) > 1 {
			if args[1].String() != "SOCK_NONBLOCK" {
				return "", errTwin(args[1])
			}
			style |= unix.SOCK_NONBLOCK
		}
		made, err := unix.Socket(family, style|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			p.add(s.Call.Makes, made, kind)
		}
		return "", err
	case "bind", "connect":
		sa, err := w.sockaddr(args[1], who.Host)
		if err != nil {
			return "", err
		}
		if s.Call.Name == "bind" {
			return "", unix.Bind(fd, sa)
		}
		return "", unix.Connect(fd, sa)
	case "listen":
		return "", unix.Listen(fd, int(args[1].(lab.Int)))
	case "accept":
		if err := awaitReadable(limit, fd); err != nil {
			return "", err
		}
		made, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err == nil {
			p.add(s.Call.Makes, made, p.types[args[0].String()])
		}
		return "", err
	case "close":
		p.remove(args[0].String())
		return "", unix.Close(fd)
	case "exit":
		p.close()
		return "", nil
	case "fork":
		child := &table{fds: map[string]int{}, types: map[string]string{}}
		for _, name := range p.names {
			if len(args) > 1 && !slices.Contains(args[1:], lab.Arg(lab.Sock(name))) {
				continue
			}
			copied, err := unix.FcntlInt(uintptr(p.fds[name]), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return "", err
			}
			child.add(name, copied, p.types[name])
		}
		w.tables[lab.Process{Host: who.Host, Name: args[0].String()}] = child
		return "", nil
	case "send":
		n, err := unix.SendmsgN(fd, []byte(args[1].(lab.Text)), nil, nil, unix.MSG_NOSIGNAL)
		return sent(n, want), err
	case "sendto":
		sa, err := w.sockaddr(args[2], who.Host)
		if err != nil {
			return "", err
		}
		n, err := unix.SendmsgN(fd, []byte(args[1].(lab.Text)), nil, sa, unix.MSG_NOSIGNAL)
		return sent(n, want), err
	case "recv", "recvfrom":
		if err := awaitReadable(limit, fd); err != nil {
			return "", err
		}
		b, flags := make([]byte, 65536), 0
		for _, a := range args[1:] {
			switch a := a.(type) {
			case lab.Int:
				b = b[:a]
			case lab.Word:
				if a != "MSG_PEEK" {
					return "", errTwin(a)
				}
				flags = unix.MSG_PEEK
			}
		}
		n, _, err := unix.Recvfrom(fd, b, flags)
		if err != nil {
			return "", err
		}
		return strconv.Quote(string(b[:n])), nil
	case "who":
		return w.who(p, args, limit, want)
	case "sleep":
		time.Sleep(time.Duration(args[0].(lab.Duration)))
		return "", nil
	case "setsockopt":
		return "", setOption(fd, args[1].String(), args[2])
	case "getsockopt":
		if args[1].String() != "IPV6_V6ONLY" {
			return "", errTwin(args[1])
		}
		n, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		return strconv.Itoa(n), err
	case "getsockname", "getpeername":
		sa, err := unix.Getsockname(fd)
		if s.Call.Name == "getpeername" {
			sa, err = unix.Getpeername(fd)
		}
		if err != nil {
			return "", err
		}
		return w.name(sa, who.Host, s, want), nil
	case "sockets":
		return w.sockets(args[0].(lab.Addr), who.Host, want)
	case "sysctl":
		path := "/proc/sys/" + strings.ReplaceAll(args[0].String(), ".", "/")
		if len(args) == 2 {
			return "", os.WriteFile(path, []byte(args[1].(lab.Text)), 0)
		}
		b, err := os.ReadFile(path)
		return strconv.Quote(strings.Join(strings.Fields(string(b)), " ")), err
	}
	return "", errTwin(s.Call)
}

// sent is the number of bytes where the file asks for it.
func sent(n int, want string) string {
	if want == "ok" {
		return ""
	}
	return strconv.Itoa(n)
}

func (p *table) add(name string, fd int, kind string) {
	p.names, p.fds[name], p.types[name] = append(p.names, name), fd, kind
}

func (p *table) remove(name string) {
	delete(p.fds, name)
	p.names = slices.DeleteFunc(p.names, func(n string) bool { return n == name })
}

func (p *table) close() {
	for _, name := range p.names {
		unix.Close(p.fds[name])
	}
	p.names, p.fds = nil, map[string]int{}
}

func awaitReadable(limit time.Duration, fd int) error {
	return within(limit, func() (bool, error) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10)
		if errors.Is(err, unix.EINTR) {
			return false, nil
		}
		return n > 0, err
	})
}

// who waits until the sockets that have something are those wanted.
func (w *twin) who(p *table, args []lab.Arg, limit time.Duration, want string) (string, error) {
	var has []string
	err := within(limit, func() (bool, error) {
		has = nil
		for _, a := range args {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fds[a.String()]), Events: unix.POLLIN}}, 0)
			if err != nil {
				return false, err
			}
			if n > 0 {
				has = append(has, a.String())
			}
		}
		return strings.Join(has, " ") == want, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && has != nil {
		err = nil
	}
	return strings.Join(has, " "), err
}

func (w *twin) ip(a lab.Addr, at string) (netip.Addr, error) {
	var ip netip.Addr
	switch {
	case a.Family != "":
		return ip, errTwin(a)
	case a.Name == "any":
		ip = netip.IPv4Unspecified()
	case a.Name == "any6":
		ip = netip.IPv6Unspecified()
	case a.Name == "lo":
		ip = netip.MustParseAddr("127.0.0.1")
	case a.Name == "lo6":
		ip = netip.IPv6Loopback()
	case a.Name == "":
		ip = a.IP
	default:
		host := at
		if a.Host != "" {
			host = w.t.HostOf(a.Host, w.subject)
		}
		var ok bool
		if ip, ok = w.t.Host(host).Alias(a.Name); !ok {
			return ip, errTwin(a)
		}
	}
	if a.Mapped {
		ip = netip.AddrFrom16(ip.As16())
	}
	return ip, nil
}

func (w *twin) sockaddr(arg lab.Arg, at string) (unix.Sockaddr, error) {
	a := arg.(lab.Addr)
	ip, err := w.ip(a, at)
	if err != nil {
		return nil, err
	}
	port := a.Port.Number
	if a.Port.Var != "" {
		port = w.ports[a.Port.Var]
	}
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(port), Addr: ip.As4()}, nil
	}
	sa := &unix.SockaddrInet6{Port: int(port), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		nic, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, err
		}
		sa.ZoneId = uint32(nic.Index)
	}
	return sa, nil
}

// name returns an address as a report has it. A port that the kernel chose is the
// one that the file names where it fits.
func (w *twin) name(sa unix.Sockaddr, at string, s *lab.Step, want string) string {
	var addr netip.AddrPort
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		addr = netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		addr = netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	port := strconv.Itoa(int(addr.Port()))
	if _, word, ok := strings.Cut(want, ":$"); ok && addr.Port() != 0 {
		if known, ok := w.ports[word]; !ok || known == addr.Port() {
			w.ports[word], port = addr.Port(), "$"+word
		}
	} else if strings.HasSuffix(want, ":ephemeral") && addr.Port() != 0 {
		port = "ephemeral"
	}
	return w.t.NameOf(addr.Addr(), at, w.subject) + ":" + port
}

var procStates = []string{
	"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
	"LAST_ACK", "LISTEN", "CLOSING",
}

// sockets reads what netstat(8) reads until it is as wanted.
func (w *twin) sockets(a lab.Addr, host, want string) (string, error) {
	ip, err := w.ip(a, host)
	if err != nil {
		return "", err
	}
	port := a.Port.Number
	if a.Port.Var != "" {
		port = w.ports[a.Port.Var]
	}
	var seen string
	err = within(10*time.Second, func() (bool, error) {
		var states lab.States
		for _, file := range []string{"tcp", "tcp6", "udp", "udp6"} {
			text, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil && !os.IsNotExist(err) {
				return false, err
			}
			for line := range strings.Lines(string(text)) {
				f := strings.Fields(line)
				local, number, ok := strings.Cut(f[1], ":")
				if n, err := strconv.ParseUint(number, 16, 16); !ok || err != nil || uint16(n) != port {
					continue
				}
				at := procIP(local)
				if ip.IsUnspecified() && (ip.Is4() || at.Is6()) || at.Unmap() == ip.Unmap() {
					state, _ := strconv.ParseUint(f[3], 16, 8)
					word := procStates[state]
					if strings.HasPrefix(file, "udp") && word == "CLOSE" {
						word = "UNCONN"
					}
					states = append(states, word)
				}
			}
		}
		slices.SortFunc(states, func(a, b string) int {
			return slices.Index(lab.StateNames, a) - slices.Index(lab.StateNames, b)
		})
		seen = states.String()
		return seen == want, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return seen, err
}

// procIP reads an address of /proc/net/tcp: words of four bytes, each turned round on
// a little-endian machine.
func procIP(text string) netip.Addr {
	b, err := hex.DecodeString(text)
	if err != nil {
		return netip.Addr{}
	}
	for i := 0; i+4 <= len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	ip, _ := netip.AddrFromSlice(b)
	return ip
}

// twinOptions are options whose value is an int.
var twinOptions = map[string][2]int{
	"SO_REUSEADDR": {unix.SOL_SOCKET, unix.SO_REUSEADDR}, "SO_REUSEPORT": {unix.SOL_SOCKET, unix.SO_REUSEPORT},
	"SO_BROADCAST": {unix.SOL_SOCKET, unix.SO_BROADCAST}, "IPV6_V6ONLY": {unix.IPPROTO_IPV6, unix.IPV6_V6ONLY},
	"IP_BIND_ADDRESS_NO_PORT": {unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT},
	"IP_MULTICAST_ALL":        {unix.IPPROTO_IP, unix.IP_MULTICAST_ALL},
	"IP_MULTICAST_LOOP":       {unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP},
	"TCP_LINGER2":             {unix.IPPROTO_TCP, unix.TCP_LINGER2},
}

func setOption(fd int, name string, value lab.Arg) error {
	if o, ok := twinOptions[name]; ok {
		return unix.SetsockoptInt(fd, o[0], o[1], int(value.(lab.Int)))
	}
	index := func(nic string) (int, error) {
		i, err := net.InterfaceByName(nic)
		if err != nil {
			return 0, err
		}
		return i.Index, nil
	}
	switch name {
	case "SO_BINDTODEVICE":
		nic := ""
		switch v := value.(type) {
		case lab.Text:
			nic = string(v)
		case lab.Name:
			nic = string(v)
		}
		return unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, nic)
	case "SO_LINGER":
		l := value.(lab.Linger)
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: l.On, Linger: l.Seconds})
	case "IP_MULTICAST_IF":
		i, err := index(strings.Trim(value.String(), `"`))
		if err != nil {
			return err
		}
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(i)})
	case "IP_ADD_MEMBERSHIP", "IP_DROP_MEMBERSHIP":
		m := value.(lab.Membership)
		i, err := index(m.NIC)
		if err != nil {
			return err
		}
		option := unix.IP_ADD_MEMBERSHIP
		if name == "IP_DROP_MEMBERSHIP" {
			option = unix.IP_DROP_MEMBERSHIP
		}
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, option,
			&unix.IPMreqn{Multiaddr: m.Group.As4(), Ifindex: int32(i)})
	case "IPV6_ADD_MEMBERSHIP":
		m := value.(lab.Membership)
		i, err := index(m.NIC)
		if err != nil {
			return err
		}
		return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_ADD_MEMBERSHIP,
			&unix.IPv6Mreq{Multiaddr: m.Group.As16(), Interface: uint32(i)})
	}
	return errTwin(name)
}
