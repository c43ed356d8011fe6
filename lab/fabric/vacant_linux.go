package fabric

import (
	"slices"
	"strconv"
	"strings"
)

// isVacant reports whether the host surely has no sockets of any family, nor
// connections in TIME_WAIT, but labrun's own. It reads a few counts, which costs a hundredth
// of Sockets. A false may come too often: of a socket whose memory is not free yet, and on
// older kernels, whose counts are the whole machine's.
func (h *Host) isVacant() bool {
	if h.counts == nil {
		return false
	}
	var b [512]byte
	n, _ := h.counts.ReadAt(b[:], 0) // the text is shorter: io.EOF
	text := string(b[:n])
	own := 1 + h.ears // h.diag
	if h.rtnl != nil {
		own++
	}
	// What sockstat_seq_show writes (net/ipv4/proc.c). Sockets in use are those of
	// every family, until the last reference is gone; TIME_WAIT is not a socket any
	// more, and the count has either family's; what the kernel itself bound is in
	// the counts of the protocols alone.
	return count(text, "sockets:", "used") == own && count(text, "TCP:", "tw") == 0 &&
		count(text, "TCP:", "inuse") == 0 && count(text, "UDP:", "inuse") == 0
}

// count returns the number behind a word of a line, -1 when it is not there.
func count(text, line, word string) int {
	for l := range strings.Lines(text) {
		f := strings.Fields(l)
		if i := slices.Index(f, word); i > 0 && f[0] == line && i+1 < len(f) {
			if n, err := strconv.Atoi(f[i+1]); err == nil {
				return n
			}
		}
	}
	return -1
}
