package fabric

// IsVacant is isVacant for a host that may have no socket of labrun's yet.
func (h *Host) IsVacant() bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.openDiag() == nil && h.isVacant()
}

// NetNS returns the descriptor of the host's namespace.
func (h *Host) NetNS() int { return int(h.file.Fd()) }
