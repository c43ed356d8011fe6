package fabric

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/plan"
	"labrun/lab/sys"
)

// stock gives a new namespace the kernel's own values of what it has taken over from
// the machine. To read one costs some microseconds and to write it more, so it writes
// what differs, which on most machines is little.
//
// It looks at all of them, some sixty, in the first and in the last host of a lab. Where there
// was nothing to write in the first, those between have taken the same over, unless somebody
// changes the machine's meanwhile, which the last shows.
func (b *builder) stock(o plan.Stock) error {
	return b.in(o.NS, func(s *namespace) error {
		if can, err := abilities(); err != nil || !can.Parameters {
			return err // it takes nothing over
		}
		if err := b.enter(s); err != nil {
			return err
		}
		first := b.stocked == 0
		b.stocked++
		if b.wary || first || b.stocked == b.hosts || !b.isStock {
			isStock, err := stockAll(b.inherits6 && sys.HasIPv6())
			switch {
			case err != nil:
				return err
			case first:
				b.isStock = isStock
			case b.isStock && !isStock && !b.wary:
				return errMachineChanged
			}
		}
		// It has the sizes that go with its own table, smaller than any machine's: they need no look.
		for key, value := range b.sizes {
			if err := b.write(key, value); err != nil {
				return fmt.Errorf("sysctl -w %s: %w", lab.Command(key+"="+value), err)
			}
		}
		return nil
	})
}

// errMachineChanged is that the machine's parameters were changed while a lab was built.
var errMachineChanged = errors.New("parameters of the machine's network were changed meanwhile")

// stockAll gives the thread's namespace the kernel's own values, and reports whether it had them.
func stockAll(six bool) (isStock bool, err error) {
	isStock = true
	for _, part := range []func() (wrote bool, err error){
		func() (bool, error) { return stockConf(false) },
		func() (bool, error) {
			if !six {
				return false, nil
			}
			return stockConf(true)
		},
		stockTCP,
	} {
		wrote, err := part()
		if err != nil {
			return false, err
		}
		isStock = isStock && !wrote
	}
	return isStock, nil
}

// childTable is how many buckets the hosts' own tables of TCP connections have. In the
// machine's, of a hundred thousand and more, a host's few connections are spread over all:
// to list them, as evidence does at every errno, takes 0.4 ms with a warm cache and 2 ms with
// a cold one. Which sockets conflict does not depend on the table (inet_lookup_established
// compares the namespace too).
const childTable = "4096"

// sizes are parameters that the kernel derives from the size of a namespace's table of TCP
// connections (tcp_set_hashinfo in net/ipv4/tcp_ipv4.c): those of the machine's table.
type sizes map[string]string

// manyHosts is how many hosts a lab has that are built with an eye on what grows with their number.
const manyHosts = 64

// childTables makes the namespaces that are born in this one have tables of their own, if own, which
// the kernel does since Linux 6.1, and returns the sizes that go with the machine's, none where hosts
// have that. Hosts of a large lab do: its tables would take some 60 us each, and 40 MB for a thousand.
func childTables(own bool) (sizes, error) {
	const parameter = "net.ipv4.tcp_child_ehash_entries"
	if _, err := sysctl(parameter); err != nil {
		return nil, ignore(err, unix.ENOENT)
	}
	if !own {
		_, err := ensure(parameter, "0")
		return nil, err
	}
	all := sizes{"net.ipv4.tcp_max_tw_buckets": "", "net.ipv4.tcp_max_syn_backlog": ""}
	for key := range all {
		var err error
		if all[key], err = sysctl(key); err != nil {
			return nil, err
		}
	}
	_, err := ensure(parameter, childTable)
	return all, err
}

// inherits6 reports whether a new namespace may take over the configuration of IPv6
// from another one. The parameter that says so is only in the machine's first
// namespace.
func inherits6() bool {
	v, err := sysctl("net.core.devconf_inherit_init_net")
	booted := func(parameter, value string) bool { // what a boot parameter changes is the same for all
		b, err := os.ReadFile("/sys/module/ipv6/parameters/" + parameter)
		return err != nil || strings.TrimSpace(string(b)) == value
	}
	return err != nil || v == "1" || v == "3" || !booted("disable_ipv6", "0") || !booted("autoconf", "1")
}

// stockConf sets the configuration of links, and reports whether it wrote any. It looks at lo, which
// is made after "default", only where that was not the kernel's own.
func stockConf(six bool) (wroteAny bool, err error) {
	for _, link := range []string{"all", "default", "lo"} {
		differed := false
		for _, p := range plan.Conf(six, link) {
			wrote, err := ensure(p.Key, p.Value)
			if err != nil {
				return wroteAny, err
			}
			differed = differed || wrote
		}
		wroteAny = wroteAny || differed
		if link == "default" && !differed {
			break
		}
	}
	return wroteAny, nil
}

// ensure sets a parameter of the thread's namespace if it has another value, and
// reports whether it had. What the kernel does not have needs no setting.
func ensure(key, value string) (wrote bool, err error) {
	path := sysctlPath(key)
	var b [128]byte
	n, err := readFile(path, b[:])
	if errors.Is(err, unix.ENOENT) || err == nil && equalFields(string(b[:n]), value) {
		return false, nil
	}
	if err == nil {
		err = writeFile(unix.AT_FDCWD, path, value)
	}
	if err != nil {
		return false, fmt.Errorf("sysctl -w %s: %w", lab.Command(key+"="+value), err)
	}
	return true, nil
}

// readFile reads a small file, with three system calls.
func readFile(path string, b []byte) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return unix.Read(fd, b)
}

// writeFile writes a small file, with three system calls.
func writeFile(dir int, path, text string) error {
	fd, err := unix.Openat(dir, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(text))
	return os.NewSyscallError("write", err)
}

// write sets a parameter of the thread's namespace.
//
// The kernel keeps the files of a parameter that all namespaces have under one name, and to find that of a
// new one steps over all others (proc_sys_compare in fs/proc/proc_sysctl.c): among a thousand hosts that takes
// 0.2 ms, ten times as long as the rest. Each mount of procfs has its own, so a lab of many hosts makes one
// for every few, which is never in the file system. Where it may not, in some user namespaces, it takes longer.
func (b *builder) write(key, value string) error {
	path := sysctlPath(key)
	if b.hosts <= manyHosts {
		return writeFile(unix.AT_FDCWD, path, value)
	}
	if b.written%manyHosts == 0 && (b.proc >= 0 || b.written == 0) {
		b.closeProc()
		b.proc = mountProc()
	}
	b.written++
	if b.proc < 0 {
		return writeFile(unix.AT_FDCWD, path, value)
	}
	return writeFile(b.proc, strings.TrimPrefix(path, "/proc/"), value)
}

func (b *builder) closeProc() {
	if b.proc >= 0 {
		unix.Close(b.proc)
	}
	b.proc = -1
}

// mountProc returns the descriptor of a procfs that is mounted nowhere, -1 where there can be none.
func mountProc() int {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC) // Linux 5.2
	if err != nil {
		return -1
	}
	defer unix.Close(fs)
	if unix.FsconfigCreate(fs) != nil {
		return -1
	}
	dir, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return dir
}

func equalFields(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == b
}

// stockTCP sets the sizes of TCP's buffers and the congestion control, which
// tcp_sk_init takes over from the machine's first namespace, and reports whether it wrote any.
func stockTCP() (wrote bool, err error) {
	var rmem, wmem, control string
	for key, value := range map[string]*string{
		"net.ipv4.tcp_rmem": &rmem, "net.ipv4.tcp_wmem": &wmem, "net.ipv4.tcp_congestion_control": &control,
	} {
		if *value, err = sysctl(key); err != nil {
			return false, ignore(err, unix.ENOENT)
		}
	}
	own, err := defaultCongestionControl()
	if err != nil {
		return false, err
	}
	if own == "" {
		available, _ := sysctl("net.ipv4.tcp_available_congestion_control")
		if own = "reno"; strings.Contains(" "+available+" ", " cubic ") {
			own = "cubic"
		}
	}
	for _, p := range []struct{ key, has, want string }{
		{"net.ipv4.tcp_rmem", rmem, tcpMemory(rmem, fmt.Sprint(os.Getpagesize(), " 131072 "), 131072, maxReceive())},
		{"net.ipv4.tcp_wmem", wmem, tcpMemory(wmem, fmt.Sprint(os.Getpagesize(), " 16384 "), 65536, 4<<20)},
		{congestion, control, own},
	} {
		if p.has == p.want {
			continue
		}
		_, err := ensure(p.key, p.want)
		if p.key == congestion { // one that the kernel was not built with is a module, and may be for root alone
			err = ignore(err, unix.EPERM, unix.ENOENT)
		}
		if err != nil {
			return true, err
		}
		wrote = true
	}
	return wrote, nil
}

// tcpMemory returns what tcp_init in net/ipv4/tcp.c sets tcp_rmem or tcp_wmem to: the
// most is a 128th of the memory, between low and high. How much memory there was
// when the machine started is not known exactly, so a value near it is left alone.
func tcpMemory(now, start string, low, high int) string {
	most := min(max(memory()/128, low), high)
	fields := strings.Fields(now)
	if has, err := strconv.Atoi(fields[len(fields)-1]); err == nil && strings.HasPrefix(now, start) &&
		has <= high && 10*has > 9*most && 10*has < 11*most && most < high {
		return now
	}
	return start + strconv.Itoa(most)
}

// maxReceive is the most of tcp_rmem where there is memory enough: 32 MB since Linux
// 6.16, and 6 MB before.
func maxReceive() int {
	if v, err := sys.KernelVersion(); err == nil && v.Compare(lab.KernelVersion{6, 16, 0}) < 0 {
		return 6 << 20
	}
	return 32 << 20
}

// memory returns the size of the machine's memory in bytes.
func memory() int {
	var i unix.Sysinfo_t
	if unix.Sysinfo(&i) != nil {
		return 1 << 40
	}
	return int(uint64(i.Totalram) * uint64(i.Unit))
}

// defaultCongestionControl returns what the kernel was built to use, "" when its
// configuration is nowhere.
var defaultCongestionControl = once.Good(func() (string, error) {
	release, _, _, err := sys.Uname()
	if err != nil {
		return "", err
	}
	for _, path := range []string{"/boot/config-" + release, "/lib/modules/" + release + "/config", "/proc/config.gz"} {
		name, err := congestionControlIn(path)
		if name != "" || err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.ENOTDIR) {
			return name, err
		}
	}
	return "", nil
})

// congestionControlIn looks for it in a configuration, "" when that does not say.
func congestionControlIn(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name, ok := bytes.CutPrefix(lines.Bytes(), []byte(`CONFIG_DEFAULT_TCP_CONG="`)); ok {
			return string(bytes.TrimRight(name, `"`)), nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return "", nil
}

// neighbours sets what is not the kernel's own in the tables of neighbours of the
// links of a namespace. All links take the same over, so one look is enough for a
// lab where there is nothing to set.
func (b *builder) neighbours(o plan.Neighbours) error {
	return b.in(o.NS, func(s *namespace) error {
		if b.looked && b.plain {
			return nil
		}
		plain, err := s.rtnl.neighbours(0)
		b.looked, b.plain = true, plain
		return err
	})
}

// neighbours does so for a link, 0 for all links, and reports whether those of links
// that are made later need no setting.
func (r *rtnl) neighbours(link int) (plain bool, err error) {
	answers, err := r.dump(func() *nl.NetlinkRequest {
		return message(unix.RTM_GETNEIGHTBL, unix.NLM_F_DUMP, &nl.RtGenMsg{})
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return true, nil // gVisor does not tell of its tables, nor does it let them be changed
	}
	if err != nil {
		return false, err
	}
	plain = true
	for _, a := range answers {
		attrs, err := nl.ParseRouteAttrAsMap(a[sizeofNdtMsg:])
		if err != nil {
			return false, err
		}
		name := string(bytes.TrimRight(attrs[ndtaName].Value, "\x00"))
		parms, err := nl.ParseRouteAttrAsMap(attrs[ndtaParms].Value)
		if err != nil {
			return false, err
		}
		of := parms[ndtpaIfindex].Value
		set := nl.NewRtAttr(unix.NLA_F_NESTED|ndtaParms, nil)
		set.AddRtAttr(ndtpaIfindex, of)
		differs := false
		for _, p := range plan.NeighbourDefaults[name] {
			has, ok := parms[p.Kind]
			if value := bytesOf(p, len(has.Value)); ok && !bytes.Equal(has.Value, value) {
				set.AddRtAttr(int(p.Kind), value)
				differs = true
			}
		}
		switch {
		case !differs:
		case len(of) != 4: // the table's own, which are the machine's
			plain = false
		case link == 0 || int(binary.NativeEndian.Uint32(of)) == link:
			m := message(unix.RTM_SETNEIGHTBL, unix.NLM_F_ACK, &ndtMsg{family: a[0]}, nl.NewRtAttr(ndtaName, nl.ZeroTerminated(name)), set)
			if err := r.send(m); err != nil {
				return false, fmt.Errorf("ip ntable change name %s: %w", name, err)
			}
		}
	}
	return plain, nil
}

// Of linux/neighbour.h.
const (
	sizeofNdtMsg = 4
	ndtaName     = 1
	ndtaParms    = 6
	ndtpaIfindex = 1
)

// ndtMsg is a struct ndtmsg.
type ndtMsg struct{ family byte }

func (m *ndtMsg) Len() int          { return sizeofNdtMsg }
func (m *ndtMsg) Serialize() []byte { return []byte{m.family, 0, 0, 0} }

// bytesOf returns the value as the kernel has it: times take 8 bytes and numbers 4.
func bytesOf(p plan.NeighbourParameter, size int) []byte {
	if size == 4 {
		return binary.NativeEndian.AppendUint32(nil, uint32(p.Value))
	}
	return binary.NativeEndian.AppendUint64(nil, p.Value)
}
