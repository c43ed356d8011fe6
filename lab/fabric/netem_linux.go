package fabric

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
)

// ErrNoNetem is that the kernel lacks netem.
var ErrNoNetem = errors.New("this kernel has no queueing discipline netem (module " + lab.NetemModule + ")")

// lackingNetem turns what a kernel without netem answers: ENOENT of qdisc_create, or EOPNOTSUPP where
// it has no queueing at all.
func lackingNetem(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return ErrNoNetem
	}
	return err
}

// Attributes of linux/pkt_sched.h.
const (
	netemReorder   = 3
	netemLatency64 = 10
)

// addNetem is the message that puts netem in the place of a link's root queueing discipline. Its
// options are a struct tc_netem_qopt with attributes behind it, as netem_change reads them.
func addNetem(nic int, s lab.Spec) *nl.NetlinkRequest {
	const packets = 1000 // what tc-netem(8) has where no limit is said
	var latency time.Duration
	var attributes []*nl.RtAttr
	limit, loss, gap, duplicate := uint32(packets), uint32(0), uint32(0), uint32(0)
	native := binary.NativeEndian
	probability := func(text string) uint32 {
		p, _ := lab.Percent(text)
		return uint32(p * math.MaxUint32)
	}
	for _, t := range s.Terms() {
		switch t.Word {
		case "delay":
			latency, _ = time.ParseDuration(t.Value)
			attributes = append(attributes, nl.NewRtAttr(netemLatency64, native.AppendUint64(nil, uint64(latency))))
		case "loss":
			loss = probability(t.Value)
		case "duplicate":
			duplicate = probability(t.Value)
		case "reorder":
			gap = 1 // netem_enqueue looks at the probability only where there is one
			// The other half is how far a chance depends on the one before.
			chance := native.AppendUint64(nil, 0)
			native.PutUint32(chance, probability(t.Value))
			attributes = append(attributes, nl.NewRtAttr(netemReorder, chance))
		case "limit":
			limit = number(t.Value)
		}
	}
	var options []byte
	// The latency is in ticks of 64 ns, as far as there is room, and exact in its attribute.
	ticks := uint32(min(uint64(latency)>>6, math.MaxUint32))
	for _, n := range []uint32{ticks, limit, loss, gap, duplicate, 0} {
		options = native.AppendUint32(options, n)
	}
	for _, a := range attributes {
		options = append(options, a.Serialize()...)
	}
	m := &nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(nic), Parent: 0xffffffff} // TC_H_ROOT
	return message(unix.RTM_NEWQDISC, create|unix.NLM_F_ACK, m, nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("netem")),
		nl.NewRtAttr(nl.TCA_OPTIONS, options))
}
