// Package local asks this machine's kernel, in namespaces that it makes.
//
// A cell sees nothing of another cell. Its lab holds just the hosts that its experiment names,
// and is made for it, unless another cell has left one of the same plan in which nothing but
// plain sockets was made, and of these nothing is left by the kernel's own counts: no socket,
// no TIME_WAIT, no segment under way, no memory of peers (fabric.Lab.Clear). Bridges are kept
// for the next lab with the same networks once the kernel says that they have no ports any
// more (fabric.Pool), and processes for the next cell in other hosts, if the kernel says that
// nothing is left in them (process.Pool).
//
// The cells of a request keep their processes too, where their calls touch nothing else of
// these (question.Shares). Calls that follow one another in a process are sent as one message
// (ahead.go). Where one process makes all the calls and they answer no value, it carries out
// thousands of cells by itself (batch.go), nearly as fast as a loop of the bare calls. None of
// that is so where the packets of cells are captured (capture.go), but the messages.
//
// Where the answer is an errno or red, the cell waits until no segment is under way
// and looks which sockets explain it (evidence.go). That takes ten times as long as
// the calls, so in batches the first red cells are looked into, and nothing else.
package local

import (
	"context"
	"errors"
	"slices"
	"time"

	"labrun/lab"
	"labrun/lab/capture"
	"labrun/lab/fabric"
	"labrun/lab/kernel"
	"labrun/lab/plan"
	"labrun/lab/process"
	"labrun/lab/program"
	"labrun/lab/question"
)

// Main is the whole life of a process or of the init of a program that this kernel has
// started; otherwise it returns at once. Call it first thing in main, and in TestMain.
func Main() {
	program.Main()
	process.Main()
}

// Kernel is this machine's.
type Kernel struct {
	// NoFiles says why the machine, a guest, has no programs but labrun's; "" where it has.
	NoFiles string
	// Bare says that it is a guest, and that labrun had no modules to give it.
	Bare bool

	pool   fabric.Pool
	kept   process.Pool
	folder *capture.Folder // nil is nowhere
	taps   *fabric.Taps    // with a folder
}

// New returns this machine's kernel. With a folder the packets of every cell are written
// to it, and no two cells share a lab then. The caller has to close the kernel.
func New(folder *capture.Folder) (*Kernel, error) {
	k := &Kernel{folder: folder, kept: process.Pool{In: nowhere}}
	if folder != nil {
		var err error
		if k.taps, err = fabric.NewTaps(); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Close gives back what was kept for further cells.
func (k *Kernel) Close() {
	k.kept.Close()
	k.pool.Close()
	if k.taps != nil {
		k.taps.Close()
	}
}

// nowhere runs f in a new network namespace, which has no links and ends with f unless that
// keeps it.
func nowhere(f func() error) error {
	const name = "nowhere"
	l, err := fabric.Up(context.Background(), plan.Plan{Ops: []plan.Op{plan.AddNamespace{NS: name, Host: name}}})
	if err != nil {
		return err
	}
	return errors.Join(l.Host(name).Do(f), l.Close())
}

// Answer asks cells of a question.
func (k *Kernel) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	a := asker{Kernel: k, Request: r, each: each, build: k.pool.Up}
	// A lab that another cell has had, whichever question that was of, will do where neither
	// leaves more in it than can be looked for.
	can, err := fabric.AbilitiesOf()
	a.shares = k.folder == nil && err == nil && can.SockDiag
	if a.shares && r.Question.MakesOnlySockets() {
		a.build = k.pool.Again
	}
	if a.Batch != nil && len(a.Combos) > 1 && !a.Evidence && a.shares {
		a.batches(ctx)
		return
	}
	a.cells(ctx, a.Next)
}

// cells asks the cells that next names one by one.
func (a *asker) cells(ctx context.Context, next func() (int, bool)) {
	var kept *room
	sharing := len(a.Combos) > 1 && a.Shares && a.shares
	for i, ok := next(); ok; {
		after := 0
		kept = a.one(ctx, i, kept, sharing, func() bool { after, ok = next(); return ok })
		i = after
	}
}

// one asks a cell, in a room that was kept for it if not nil, and hands its answer on. Its room is returned for the next
// cell when there are more, which is found out as soon as its own steps are done, and nothing is left in it.
func (a *asker) one(ctx context.Context, i int, kept *room, sharing bool, more func() bool) *room {
	began := time.Now()
	c, steps, err := a.ask(ctx, a.Combos[i], kept, sharing)
	answer := c.result(steps, err)
	answer.Captures = c.recorder.written()
	a.red(ctx, i, answer, c)
	keep := more() && sharing && err == nil
	kept, err = c.leave(ctx, keep)
	if err != nil && answer.Err == nil {
		answer.Skip, answer.Err, answer.Evidence, answer.Outputs = "", err, nil, nil
	}
	answer.Took = time.Since(began)
	a.each(i, answer)
	return kept
}

// tries is how often a cell is asked where the machine was too busy for the answer to
// be the kernel's alone, or more often for as long as triesTime: with twenty busy processes
// on two processors, all of four tries may be late.
const (
	tries     = 4
	mostTries = 30
	triesTime = 5 * time.Second
)

// ask runs the steps of a cell, in a room that was kept for it if not nil. It does so
// again, in a new one, while the answers may be those of a busy machine and not the
// kernel's alone: a TIME_WAIT may have been lost. A file may lose segments on purpose, so
// the last time counts.
func (a *asker) ask(ctx context.Context, combo lab.Combo, kept *room, sharing bool) (*cell, outcome, error) {
	began := time.Now()
	var before []string // what the cell was answered the time before, if that is in doubt
	for try := 1; ; try++ {
		c := a.cell(combo)
		c.room, c.sharing = kept, sharing
		c.recorder = a.recorder(combo)
		o, err := c.run(ctx, a.build)
		last := try >= tries && time.Since(began) > triesTime || try == mostTries
		if err != nil || last || c.recorder != nil || !c.isDoubtful(o.got, before) {
			return c, o, err
		}
		before = o.got
		if err := c.close(); err != nil {
			return c, o, err
		}
		kept = nil
	}
}

// isDoubtful reports whether a host may have lost a TIME_WAIT because the machine was busy.
// Only a connection that ended in the cell leaves one.
//
// Segments that came late are seen in the counters (fabric.Busy). A reset alone may be of
// another kind: while a socket is put into TIME_WAIT, the next segment may find neither, and
// the reset that answers it ends what is left of the connection (inet_twsk_hashdance_schedule
// in net/ipv4/inet_timewait_sock.c). It may as well be what the file asks for. That is so
// once in a hundred cells of a busy machine at most, so two answers that are the same
// are the kernel's.
func (c *cell) isDoubtful(got, before []string) bool {
	if !c.endsConnections() {
		return false
	}
	var all fabric.Busy
	for _, host := range c.q.Hosts {
		if b, err := c.lab.Host(host).Busy(); err == nil {
			all.Again, all.Resets = all.Again || b.Again, all.Resets || b.Resets
		}
	}
	switch {
	case !all.Resets:
		return false
	case all.Again:
		return true
	}
	return len(c.ran) == 0 && !slices.Equal(got, before)
}

// endsConnections reports whether a connection may end in the cell.
func (c *cell) endsConnections() bool {
	ends := slices.ContainsFunc(c.steps, closes)
	connects := slices.ContainsFunc(c.steps, func(s *question.Step) bool { return s.Call.Name == "connect" })
	return ends && connects
}
