package fabric

import "labrun/lab/sys"

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
	own := h.openSockets()
	// What the kernel itself bound is in the counts of the protocols alone.
	count := func(word string) int { return sys.Count(b[:n], word) }
	return count(sys.SocketsUsed) == own && count(sys.TimeWait) == 0 && count(sys.TCPInUse) == 0 && count(sys.UDPInUse) == 0
}
