package trace

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/once"
)

// optionValues are how the values of options are read that strace(1) does not print as a number, or that a step does
// not have as one. Each returns the value as a step has it, or why a step cannot say it. A new kind is a row here.
var optionValues = map[lab.ValueKind]func(m *importer, e *Event, value string) (written, why string){
	lab.ValueInt:        (*importer).intValue,
	lab.ValueText:       (*importer).textValue,
	lab.ValueLinger:     same("{l_onoff="),
	lab.ValueBytes:      same("bytes("),
	lab.ValueTime:       (*importer).timeValue,
	lab.ValueRange:      (*importer).rangeValue,
	lab.ValueDevice:     (*importer).deviceValue,
	lab.ValueIndex:      (*importer).nicValue,
	lab.ValueMembership: (*importer).membershipValue,
}

const notPrinted = "its value is not in what was printed"

// same returns what reads values that a step has as strace prints them.
func same(prefix string) func(*importer, *Event, string) (string, string) {
	return func(_ *importer, _ *Event, value string) (string, string) {
		if !strings.HasPrefix(value, prefix) {
			return "", notPrinted
		}
		return value, ""
	}
}

// option sets or reads an option.
func (m *importer) option(e *Event, p *process, d descriptor) {
	name := strings.TrimSuffix(e.arg(2), "_OLD") // strace prints SO_RCVTIMEO_OLD
	o, _ := lab.OptionOf(name)
	read := optionValues[o.Value]
	if o.Value == lab.ValueAny && strings.HasPrefix(e.arg(3), "bytes(") {
		read = same("bytes(")
	}
	if read == nil || o.Value == lab.ValueInt && !isByte(o, e) {
		m.plainAs(e, p, "")
		return
	}
	errno, failed := e.failed()
	if e.Name == "getsockopt" && failed { // it has no value
		m.step(e, m.nameOf(p), fmt.Sprintf("getsockopt(%s, %s) = %s", d.name, name, errno))
		return
	}
	value, why := read(m, e, e.arg(3))
	switch {
	case why != "":
		m.leave(e, why)
	case e.Name == "getsockopt":
		m.step(e, m.nameOf(p), fmt.Sprintf("getsockopt(%s, %s) = %s", d.name, name, value))
	default:
		if !failed {
			errno = "ok"
		}
		m.step(e, m.nameOf(p), fmt.Sprintf("setsockopt(%s, %s, %s) = %s", d.name, name, value, errno))
	}
}

// timevalIn, groupIn, nicIn and addressIn find the parts of strace's structures.
var (
	timevalIn = once.Regexp(`^\{tv_sec=(\d{1,9}), tv_usec=(\d{1,6})\}$`)
	groupIn   = once.Regexp(`(?:imr_multiaddr=inet_addr\(|inet_pton\(AF_INET6, *)"([^"]*)"`)
	nicIn     = once.Regexp(`if_nametoindex\("([^"]*)"\)$`)
	addressIn = once.Regexp(`^inet_addr\("([^"]*)"\)$`)
)

// isByte reports whether the value of an option of IP has one byte, which the kernel takes and gives as it does an int
// (do_ip_setsockopt, do_ip_getsockopt). Programs write IP_MULTICAST_TTL so.
func isByte(o lab.Option, e *Event) bool {
	return o.Level == "SOL_IP" && strings.Trim(e.arg(4), "[]") == "1"
}

func (m *importer) intValue(_ *Event, value string) (written, why string) {
	n, err := strconv.ParseUint(strings.Trim(value, "[]"), 10, 8)
	if err != nil {
		return "", notPrinted
	}
	return strconv.FormatUint(n, 10), ""
}

func (m *importer) timeValue(_ *Event, value string) (written, why string) {
	parts := timevalIn().FindStringSubmatch(value)
	if parts == nil {
		return "", "its value is not a time that a step can say"
	}
	var numbers [2]time.Duration
	for i, digits := range parts[1:] {
		n, _ := strconv.Atoi(digits) // at most nine of them
		numbers[i] = time.Duration(n)
	}
	return lab.Duration(numbers[0]*time.Second + numbers[1]*time.Microsecond).String(), ""
}

// rangeValue reads the number of IP_LOCAL_PORT_RANGE, whose halves are the ports, ip(7).
func (m *importer) rangeValue(_ *Event, value string) (written, why string) {
	n, err := strconv.ParseInt(strings.Trim(value, "[]"), 10, 64)
	if err != nil {
		return "", notPrinted
	}
	return lab.Range{Low: uint16(n), High: uint16(n >> 16)}.String(), ""
}

func (m *importer) deviceValue(_ *Event, value string) (written, why string) {
	name, ok := zeroTerminated(value)
	if !ok {
		return "", notPrinted
	}
	return quoted(m.nic(name)), ""
}

func (m *importer) textValue(_ *Event, value string) (written, why string) {
	t, ok := zeroTerminated(value)
	if !ok {
		return "", notPrinted
	}
	return quoted(t), ""
}

// zeroTerminated returns a text of strace's up to its first zero: getsockopt fills the whole room with zeros.
func zeroTerminated(value string) (string, bool) {
	t, cut, ok := text(value)
	t, _, _ = strings.Cut(t, "\x00")
	return t, ok && !cut
}

// nicValue reads a NIC by its name, its index or an address of its.
func (m *importer) nicValue(e *Event, value string) (written, why string) {
	if e.Name == "getsockopt" && e.arg(2) == "IP_MULTICAST_IF" {
		return "?", "" // the address by which the program set it, and a step sets it by the name
	}
	name, why := m.nicOf(value)
	return quoted(name), why
}

// nicOf returns the name that a NIC has in the lab, "" for none.
func (m *importer) nicOf(value string) (name, why string) {
	switch value {
	case "[0]", "0", `inet_addr("0.0.0.0")`:
		return "", ""
	}
	if found := nicIn().FindStringSubmatch(value); found != nil {
		return m.nic(found[1]), ""
	}
	found := addressIn().FindStringSubmatch(value)
	if found == nil {
		return "", "it has the index of a NIC, which is another one on each host, and not its name"
	}
	ip, err := netip.ParseAddr(found[1])
	if err != nil {
		return "", notPrinted
	}
	if ip.IsLoopback() {
		return "lo", ""
	}
	for _, nic := range m.Layout.Host(m.Host).NICs {
		for _, a := range nic.Addresses {
			if a.Prefix.Addr() == m.inLab(ip) {
				return nic.Name, ""
			}
		}
	}
	return "", "it names a NIC by an address, " + ip.String() + ", which no NIC of the host has"
}

// membershipValue reads the group and the NIC of a multicast membership.
func (m *importer) membershipValue(_ *Event, value string) (written, why string) {
	group := groupIn().FindStringSubmatch(value)
	if group == nil {
		return "", notPrinted
	}
	ip, err := netip.ParseAddr(group[1])
	if err != nil {
		return "", notPrinted
	}
	nic := field(value, "imr_interface") + field(value, "imr_ifindex") + field(value, "ipv6mr_interface")
	name, why := m.nicOf(nic)
	return lab.Membership{Group: ip, NIC: name}.String(), why
}
