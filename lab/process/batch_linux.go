package process

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// Batch is what a process does by itself in many cells, one after the other: the
// slots of a question whose calls are all its own and answer no value (Question.Batch). To ask
// for every call in a message of its own would take ten times as long.
type Batch struct {
	Shape lab.Shape
	Slots []BatchSlot
}

// BatchSlot is a lab.Slot with everything resolved.
type BatchSlot struct {
	Axes      []int
	VariantOf lab.VariantOf
	Variants  [][]BatchStep // those that a combination needs which is asked for
}

// BatchStep is a call and the answer that it must get.
type BatchStep struct {
	Args Args
	Want lab.Answer
}

// Codes of answers, beside the errnos.
const (
	codeOK  = 0
	codeAny = 0xffff // in what is wanted: "?"
)

// Load hands a batch to the process, which replaces the one that it had. It goes in
// a file of its own, since it may be larger than a message.
func (p *Process) Load(ctx context.Context, b Batch) error {
	s := compiledBatch{Shape: b.Shape}
	for _, from := range b.Slots {
		slot := compiledSlot{Axes: from.Axes, VariantOf: from.VariantOf,
			Variants: make([][]compiledCall, len(from.Variants))}
		for v, steps := range from.Variants {
			for _, step := range steps {
				r, err := newRequest(step.Args)
				if err != nil {
					return fmt.Errorf("process %s: %w", p.Name, err)
				}
				c, err := s.ready(&r)
				if err != nil {
					return fmt.Errorf("process %s: %w", p.Name, err)
				}
				c.Want = codeOf(step.Want)
				slot.Variants[v] = append(slot.Variants[v], c)
			}
		}
		s.Slots = append(s.Slots, slot)
	}
	fd, err := unix.MemfdCreate("labrun-batch", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "batch")
	defer f.Close()
	w := bufio.NewWriter(f)
	if err := gob.NewEncoder(w).Encode(&s); err != nil {
		return fmt.Errorf("process %s: %w", p.Name, err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("process %s: %w", p.Name, err)
	}
	p.traces = nil
	_, err = p.ask(ctx, request{Call: "load"}, f)
	return err
}

func codeOf(want lab.Answer) uint16 {
	switch want.Outcome {
	case lab.Unasked:
		return codeAny
	case lab.Failed:
		return errnoCodes()[want.Errno]
	}
	return codeOK
}

// errnoCodes are the errnos by name.
var errnoCodes = sync.OnceValue(func() map[string]uint16 {
	codes := map[string]uint16{}
	for errno := uint16(1); errno < 512; errno++ {
		if name, ok := lab.CanonicalErrno(unix.ErrnoName(unix.Errno(errno))); ok {
			codes[name] = errno
		}
	}
	return codes
})

// wordOf writes a code as a report does.
func wordOf(code uint16) string {
	if code == codeOK {
		return string(lab.OK)
	}
	name, _ := lab.CanonicalErrno(unix.ErrnoName(unix.Errno(code)))
	if name == "" {
		return fmt.Sprintf("errno %d", code)
	}
	return name
}

// Why a process did not carry out all the cells that it was asked for.
type Why string

// The reasons.
const (
	Done Why = ""     // it did
	Red  Why = "red"  // the last one is red, its sockets are still there
	Left Why = "left" // the last one left something in the host: another one would not be undisturbed
	Full Why = "full" // there is no more room in the answer; go on with the next one
)

// Result is a cell of a batch.
type Result struct {
	Got []string // what its steps answered; shared, do not change
	Red bool     // the last of them was not what was wanted
}

// Cells carries out cells of the batch that was loaded: from a host with no more
// sockets than in fresh each, its own closed after it. With stop it stops at the
// first red one.
func (p *Process) Cells(ctx context.Context, combos []lab.Combo, fresh Table, stop bool) ([]Result, Why, error) {
	r, err := p.ask(ctx, request{Call: "cells", Args: []value{{cellsArgs{combos, fresh, stop}}}}, nil)
	if err != nil {
		return nil, Done, err
	}
	cells, ok := valueOf[cellsReply](r)
	if !ok || len(cells.IDs) > 4*len(combos) {
		return nil, Done, fmt.Errorf("process %s: no answer about its cells", p.Name)
	}
	for _, t := range cells.Traces {
		words := make([]string, len(t))
		for i, code := range t {
			words[i] = wordOf(code)
		}
		p.traces = append(p.traces, words)
	}
	var results []Result
	for ids := cells.IDs; len(ids) >= 4; ids = ids[4:] {
		id := binary.LittleEndian.Uint32(ids)
		if int(id>>1) >= len(p.traces) {
			return nil, Done, fmt.Errorf("process %s: no trace %d", p.Name, id>>1)
		}
		results = append(results, Result{p.traces[id>>1], id&1 != 0})
	}
	return results, cells.Why, nil
}

// cellsArgs are the cells that "cells" is to carry out.
type cellsArgs struct {
	Combos []lab.Combo
	Fresh  Table // what the host has before each
	Stop   bool  // at the first red one
}

// cellsReply is the answer to "cells": for each the number of its trace, with the
// lowest bit set when it is red, and the traces that were not told of before.
type cellsReply struct {
	IDs    []byte     `json:"ids"`
	Traces [][]uint16 `json:"traces,omitempty"`
	Why    Why        `json:"why,omitempty"`
}
