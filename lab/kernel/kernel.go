// Package kernel says what it takes to answer questions: a kernel may be this machine's
// (package local), or anything else that does what Kernel asks for.
package kernel

import (
	"context"
	"time"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/result"
)

// Kernel answers questions. Its methods may be called concurrently.
type Kernel interface {
	// Has finds out by trying which of the features it has.
	Has(ctx context.Context, features []lab.Feature) (map[lab.Feature]bool, error)
	// Answer asks the cells of a request, and hands on what each was answered as soon as
	// it is over. It returns when Next has no more. An error of one cell is a part of its
	// Answer.
	Answer(ctx context.Context, r Request, each func(i int, a Answer))
}

// Request is cells of a question that are asked one after the other. Several may share
// them.
type Request struct {
	*question.Question
	Combos []lab.Combo // of the question's
	On     lab.Kernel  // whose answers are wanted
	// Evidence asks for a look at the sockets after every errno, and not only after a
	// red step.
	Evidence bool
	// Outputs asks for what programs print: after each step that one ends in, and of a cell that passed too.
	Outputs bool
	Place   string // of the question's topology among those of the run, for files of its cells
	// Folder is where the question's file is, as a path from the root, on a machine whose files the kernel's programs
	// see; "" is what its name says here.
	Folder string
	Run    int // the number of this run of the cells, from 1; 0 when there is only one
	// Slow is how many times as long as this machine the kernel takes over a call, where that is more
	// than once. It has so many times the time for an answer, unless "blocked" is wanted: those waits end
	// by the kernel's own timers, which no slowness stretches.
	Slow float64

	// Next returns the next of Combos that is to be asked, in their order.
	Next func() (i int, ok bool)
	// Red gets each red cell while it is still up. It may be nil.
	Red func(ctx context.Context, i int, a Answer, k Kept)
	// Waits calls its argument, which may wait: other cells may be asked meanwhile, also
	// those of this request. It may be nil.
	Waits func(f func())
}

// Kept is a cell as its last step left it.
type Kept interface {
	// Sockets returns the sockets of its hosts, in the order of the file, with the
	// processes that have them.
	Sockets(ctx context.Context) ([]result.SocketInfo, error)
}

// Answer is what a kernel said to a cell.
type Answer struct {
	Got      []string          // what the steps that ran were answered, in words of the file; shared, do not change
	Red      bool              // the last of them is not what was wanted
	Skip     string            // why this kernel cannot be asked
	Err      error             // why it could not be
	Evidence []result.Snapshot // of steps whose answer is an errno, or red
	Outputs  []result.Output   // of its programs, unless it passed and nobody asked for them
	Captures []string          // the files with its packets
	Took     time.Duration
}

// Passed reports whether every step was answered as wanted.
func (a *Answer) Passed() bool { return !a.Red && a.Skip == "" && a.Err == nil }
