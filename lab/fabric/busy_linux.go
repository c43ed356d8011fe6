package fabric

import (
	"os"
	"strconv"
	"strings"
)

// Busy is the counters of a host that rise when its machine is too busy for it.
type Busy struct {
	Again  bool // it has sent a segment of a connection again
	Resets bool // it has sent a reset
}

// Busy reads the counters. Both together, on one host or on either side of a
// connection, are what a machine makes that is too busy: a FIN is sent again since its
// ACK waits for the processor, TIME_WAIT answers the second one too, or has its own FIN
// answered late, the other socket is gone by then, and the reset that says so ends
// TIME_WAIT (tcp_timewait_state_process in net/ipv4/tcp_minisocks.c). SYNs are not
// counted, they are sent again where nothing answers.
func (h *Host) Busy() (b Busy, err error) {
	err = h.Do(func() error {
		snmp, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		netstat, err := os.ReadFile("/proc/thread-self/net/netstat")
		if err != nil {
			return err
		}
		b.Again = counter(string(snmp), "Tcp:", "RetransSegs") > counter(string(netstat), "TcpExt:", "TCPSynRetrans")
		b.Resets = counter(string(snmp), "Tcp:", "OutRsts") > 0
		return nil
	})
	return b, err
}

// counter returns a number of a file such as /proc/net/snmp, where a line with the
// names of a protocol's counters comes before the one with their values, 0 where it is
// not there.
func counter(text, protocol, name string) int {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != protocol {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, n := range names {
			if n == name && i < len(fields) {
				v, _ := strconv.Atoi(fields[i])
				return v
			}
		}
	}
	return 0
}
