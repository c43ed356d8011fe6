package main

import (
	"path/filepath"
	"slices"

	"labrun/lab/result"
)

const captureHelp = `With --capture DIR every cell gets a folder in DIR, called NAME@HOST, with axes
NAME,axis=value@HOST, where a sign that may not stand in a name is a %XX. In it is a
file for each network, and lo.pcapng for what never leaves a host:

    labrun --capture pcap --only claim-2-time-wait topologies/dual-nic.yaml
    tshark -r pcap/claim-2-time-wait@alpha/red.pcapng
    tshark -N n -r pcap/claim-2-time-wait@alpha/red.pcapng   # shows alpha.x

Each packet is there once, with the NIC that sent it (frame.interface_name, such as
alpha/eth0), from before the first step until the last one has its answer. Nothing in
a lab cuts a long stream into packets or needs a checksum: segments are as long as they
are handed to the NIC, and the checksums of TCP and UDP are filled in as a card would.
The answers are the same with and without, and it takes somewhat longer. Files that are
there are replaced. Several FILEs get a folder each, --repeat makes run-1, run-2, ...`

// mostCaptured bounds the folders that --capture makes. More than that cannot be read.
const mostCaptured = 5000

// checkCaptures refuses to capture too many cells.
// A file of half a million cells would fill a disk with folders before the first is looked at.
func checkCaptures(cells int) error {
	if cells > mostCaptured {
		return usagef("--capture: %d cells would make as many folders, and it takes %d at most; choose some with "+
			"--only and --host", cells, mostCaptured)
	}
	return nil
}

// seenFrom returns the report with the names of its captures as seen from another
// folder than this one: that of a page, which has links to them. Only the cells of matrices with
// captures are copied: a report may have half a million without.
func seenFrom(dir string, r result.Report) result.Report {
	from, err := filepath.Abs(dir)
	if err != nil {
		return r
	}
	captured := func(c result.Cell) bool { return c.Note != nil && len(c.Note.Captures) > 0 }
	r.Matrices = slices.Clone(r.Matrices)
	for i := range r.Matrices {
		m := &r.Matrices[i]
		if !slices.ContainsFunc(m.Cells, captured) {
			continue
		}
		m.Cells = slices.Clone(m.Cells)
		for j, c := range m.Cells {
			if captured(c) {
				moved := *c.Note
				moved.Captures = slices.Clone(moved.Captures)
				for k, name := range moved.Captures {
					moved.Captures[k] = relative(from, name)
				}
				m.Cells[j].Note = &moved
			}
		}
	}
	return r
}

// relative returns a file as a link from a folder, and as it is named where none leads there, such as
// from another drive.
func relative(from, name string) string {
	to, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	rel, err := filepath.Rel(from, to)
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}
