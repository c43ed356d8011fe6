package fabric

// Busy is what a host has done, since it exists or was last cleared, that hosts of a machine do
// which is too busy for them.
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
func (h *Host) Busy() (Busy, error) {
	t, err := h.tally(false)
	if err == nil && t.again > 0 { // of a lab that was cleared nothing is
		t, err = h.tally(true)
	}
	return Busy{Again: t.again > t.synAgain, Resets: t.resets > h.before.resets}, err
}
