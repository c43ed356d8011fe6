package fabric

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// The tables of /proc/net, proc_pid_net(5), are in the place of sock_diag(7) where the kernel has none.

// socketsByTable lists the host's sockets of some protocols.
func (h *Host) socketsByTable(names []string) ([]lab.Socket, error) {
	var all []lab.Socket
	err := h.Do(func() error {
		for _, name := range names {
			sockets, err := readTable(name)
			if err != nil {
				return err
			}
			all = append(all, sockets...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	open, err := h.openIn()
	if open != nil {
		all = slices.DeleteFunc(all, func(s lab.Socket) bool { _, ok := open[s.Inode]; return !ok })
	}
	return all, err
}

// readTable reads a table of the thread's namespace. A kernel without the protocol has none.
func readTable(protocol string) ([]lab.Socket, error) {
	path := "/proc/thread-self/net/" + protocol
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := parseTable(protocol, string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// parseTable returns the sockets of a table that have a port, in its order. Its first line names the columns
// (get_tcp4_sock and others in net/ipv4/tcp_ipv4.c, udp4_format_sock in net/ipv4/udp.c):
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17254 ...
func parseTable(protocol, text string) ([]lab.Socket, error) {
	var all []lab.Socket
	for i, line := range rows(text) {
		fields := strings.Fields(line)
		if len(fields) < 10 {
			return nil, fmt.Errorf("line %d: %d fields, want 10 or more", i+2, len(fields))
		}
		s := lab.Socket{Protocol: protocol}
		var err error
		number := func(field string, base, bits int) uint64 {
			n, parseErr := strconv.ParseUint(field, base, bits)
			err = errors.Join(err, parseErr)
			return n
		}
		address := func(field string) netip.AddrPort {
			a, parseErr := parseEndpoint(field)
			err = errors.Join(err, parseErr)
			return a
		}
		s.Local, s.Remote = address(fields[1]), address(fields[2])
		s.State = stateName(protocol, uint8(number(fields[3], 16, 8)))
		timer, _, _ := strings.Cut(fields[5], ":")
		s.Timer = timerName(uint8(number(timer, 16, 8)))
		s.UID, s.Inode = uint32(number(fields[7], 10, 32)), uint32(number(fields[9], 10, 32))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		if s.Local.Port() != 0 {
			all = append(all, s)
		}
	}
	return all, nil
}

// rows returns the lines after the first.
func rows(text string) []string {
	_, text, _ = strings.Cut(text, "\n")
	return slices.Collect(strings.Lines(text))
}

// parseEndpoint reads an address and a port as the kernel prints them, words of the machine's byte order
// and a number: 0100007F:0016 is 127.0.0.1:22 on x86.
func parseEndpoint(field string) (netip.AddrPort, error) {
	words, port, _ := strings.Cut(field, ":")
	b, err := hex.DecodeString(words)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address", field)
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address: %w", field, err)
	}
	ip, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(ip, uint16(n)), nil
}

// openIn returns the users of the sockets that processes in the host have open, by inode. It is nil where the
// tables hold the host's sockets alone, and need not be gone through.
func (h *Host) openIn() (map[uint32]uint32, error) {
	can, err := abilities()
	if err != nil || !can.everywhere {
		return nil, err
	}
	var own unix.Stat_t
	if err := unix.Fstat(int(h.file.Fd()), &own); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	open := map[uint32]uint32{}
	processes, err := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		var ns unix.Stat_t
		// Whatever cannot be looked at has ended, or is not of a lab.
		if unix.Stat(p+"/ns/net", &ns) != nil || ns.Ino != own.Ino || ns.Dev != own.Dev {
			continue
		}
		fds, _ := os.ReadDir(p + "/fd")
		for _, fd := range fds {
			var st unix.Stat_t
			if unix.Stat(p+"/fd/"+fd.Name(), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK {
				open[uint32(st.Ino)] = st.Uid
			}
		}
	}
	return open, err
}

// unixByTable lists the host's sockets of unix(7) that have names. The table knows neither the file of a
// path nor the other end.
func (h *Host) unixByTable() ([]lab.UnixSocket, error) {
	var text []byte
	if err := h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/unix")
		return err
	}); err != nil {
		return nil, err
	}
	all, err := parseUnixTable(string(text))
	if err != nil {
		return nil, fmt.Errorf("/proc/net/unix: %w", err)
	}
	open, err := h.openIn()
	if open != nil {
		all = slices.DeleteFunc(all, func(s lab.UnixSocket) bool { _, ok := open[s.Inode]; return !ok })
		for i := range all {
			all[i].UID = open[all[i].Inode]
		}
	}
	return all, err
}

// parseUnixTable returns the sockets of the table that have names, in its order (unix_seq_show in net/unix/af_unix.c):
//
//	Num       RefCount Protocol Flags    Type St Inode Path
//	0000000000000000: 00000002 00000000 00010000 0001 01 17263 /run/server
func parseUnixTable(text string) ([]lab.UnixSocket, error) {
	const (
		listens   = 1 << 16 // __SO_ACCEPTCON of linux/net.h
		connected = 3       // SS_CONNECTED of linux/net.h
	)
	var all []lab.UnixSocket
	for i, line := range rows(text) {
		// A name may hold spaces, and begins behind one.
		fields := strings.Fields(line)
		if len(fields) < 7 {
			return nil, fmt.Errorf("line %d: %d fields, want 7 or more", i+2, len(fields))
		}
		if len(fields) == 7 {
			continue
		}
		var numbers [4]uint64
		for n, field := range []string{fields[3], fields[4], fields[5]} {
			var err error
			if numbers[n], err = strconv.ParseUint(field, 16, 32); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+2, err)
			}
		}
		inode, err := strconv.ParseUint(fields[6], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		if inode == 0 {
			continue // a connection that nobody has accepted has its listener's name, and unix_diag.c leaves it out, too
		}
		_, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "+fields[6]+" ")
		kind, state := uint8(numbers[1]), uint8(7) // closed, as tcpStates has it
		switch {
		case numbers[0]&listens != 0:
			state = 10
		case numbers[2] == connected:
			state = 1
		}
		all = append(all, lab.UnixSocket{
			Protocol: unixTypes[kind], State: unixState(kind, state), Name: name, Inode: uint32(inode),
		})
	}
	sortUnix(all)
	return all, nil
}
