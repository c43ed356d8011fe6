package process

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
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

// Load hands a batch to the process, which replaces the one that it had. It goes in
// a file of its own, since it may be larger than a message.
func (p *Process) Load(ctx context.Context, b Batch) error {
	f, sizes, err := b.compile()
	if err != nil {
		return fmt.Errorf("process %s: %w", p.Name, err)
	}
	defer f.Close()
	p.traces, p.sizes = nil, sizes
	_, err = p.ask(ctx, request{Call: "load"}, f)
	return err
}

// compile returns a file with the batch for the process, and the sizes of the texts that it sends, see sizeCode.
func (b Batch) compile() (*os.File, []int, error) {
	s := compiledBatch{Shape: b.Shape}
	for _, from := range b.Slots {
		slot := compiledSlot{from.Axes, from.VariantOf, make([][]compiledCall, len(from.Variants))}
		for v, steps := range from.Variants {
			for _, step := range steps {
				r, err := newRequest(step.Args)
				if err != nil {
					return nil, nil, err
				}
				c, err := s.ready(&r)
				if err != nil {
					return nil, nil, err
				}
				if c.Want = codeOf(step.Want); c.Want == codeOK && c.Number == unix.SYS_SENDTO {
					c.Want = uint16(c.First)
				}
				slot.Variants[v] = append(slot.Variants[v], c)
			}
		}
		s.Slots = append(s.Slots, slot)
	}
	f, err := child.Memory("labrun-batch")
	if err != nil {
		return nil, nil, err
	}
	var c codec
	s.code(&c)
	if _, err := f.Write(c.bytes); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, s.sizes, nil
}

// codeOf returns what the kernel returns for an answer, so that a process compares numbers: an
// errno, or codeOK, which is no errno.
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
	switch name, ok := lab.CanonicalErrno(unix.ErrnoName(unix.Errno(code))); {
	case code == codeOK:
		return string(lab.OK)
	case code == codeBlocked:
		return string(lab.Blocked)
	case ok:
		return name
	}
	return fmt.Sprintf("errno %d", code)
}

// Result is a cell of a batch. There are half a million of them in a run and few different
// ones, so those that were answered the same share their words.
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
			if words[i] = wordOf(code); code >= codeSize && int(code-codeSize) < len(p.sizes) {
				words[i] = strconv.Itoa(p.sizes[code-codeSize])
			}
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

// load takes the batch that the keeper has written to a file.
func load(a *agent, r *request) reply {
	if r.passed < 0 {
		return reply{Broken: "no batch came along"}
	}
	f := os.NewFile(uintptr(r.passed), "batch")
	defer f.Close()
	content, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return reply{Broken: "read a batch: " + err.Error()}
	}
	s, c := &compiledBatch{ids: map[string]uint32{}}, codec{bytes: content, reading: true}
	if s.code(&c); c.err != nil {
		return reply{Broken: "decode a batch: " + c.err.Error()}
	}
	s.values = make([]int, len(s.Shape))
	s.fds = slices.Repeat([]int{-1}, len(s.Names))
	if s.ends = s.endsConnections(); s.ends {
		if s.segments, err = a.segments(); err != nil {
			return reply{Broken: err.Error()}
		}
	}
	a.batch = s
	return reply{Outcome: lab.OK}
}

// roomForTraces bounds the traces in one answer, which is one message (maxMessage): a trace has a
// number for each step. A batch whose cells are all answered in different ways is asked for in
// several rounds, see Full.
const roomForTraces = 400

// cells carries out cells of the batch. Before the next one the host must be as it was, or what
// that is answered would depend on the order; a cell that leaves something, a connection in
// TIME_WAIT say, is therefore the last one until that is gone.
func cells(a *agent, r *request) reply {
	of := arg[cellsArgs](r, 0)
	s := a.batch
	if s == nil {
		return reply{Broken: "no batch is loaded"}
	}
	answer := cellsReply{IDs: make([]byte, 0, 4*len(of.Combos))}
	for _, combo := range of.Combos {
		id, red, late := s.cell(a, combo)
		if s.broken != "" {
			return reply{Broken: s.broken}
		}
		if late {
			answer.Why = Late
			s.closeAll()
			break
		}
		id <<= 1
		if red {
			id |= 1
		}
		answer.IDs = binary.LittleEndian.AppendUint32(answer.IDs, id)
		if red && of.Stop {
			answer.Why = Red
			s.handOver(a)
			break
		}
		s.closeAll()
		if s.sent = false; s.ends && !s.arrived(a) { // by the next cell's time all have
			answer.Why = Left
			break
		}
		if empty, err := a.isFresh(of.Fresh); err != nil {
			return reply{Broken: err.Error()}
		} else if !empty {
			answer.Why = Left
			break
		}
		if len(s.traces)-s.told >= roomForTraces {
			answer.Why = Full
			break
		}
	}
	answer.Traces = s.traces[s.told:]
	s.told = len(s.traces)
	return okWith(answer)
}

// handOver gives the sockets of a red cell their names, so that the keeper can ask about them
// for the evidence of why it is red. Reset closes them.
func (s *compiledBatch) handOver(a *agent) {
	for i, fd := range s.fds {
		if fd >= 0 {
			a.socks[s.Names[i]] = handle{fd: fd}
			s.fds[i] = -1
		}
	}
}

// isFresh reports whether the host has what it had before the cell. It looks a
// few times: another processor may still be putting a socket away.
func (a *agent) isFresh(fresh Table) (bool, error) {
	for range 50 {
		if t, err := a.sockstat(); err != nil || t == fresh {
			return err == nil, err
		} else if t.TimeWait > fresh.TimeWait {
			break // for a minute
		}
	}
	return false, nil
}
