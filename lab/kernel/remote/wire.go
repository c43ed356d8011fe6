// Package remote puts a connection between what asks and the kernel that answers: Serve answers
// on one end as any kernel.Kernel, and what Dial returns on the other is one too.
//
// The two ends are the same labrun, so the wire has no versions. It is a stream of JSON values,
// compressed: a question is a few kilobytes of words that the one before it had too, and what
// carries them may be the serial line of an emulated machine, which takes longer over a byte than over all else that
// is done with it. Questions, cells and answers go as they come: an end that is lost in the middle leaves what was
// answered before.
package remote

import (
	"bufio"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/result"
)

// order is what the asking end says.
type order struct {
	ID       int      `json:"id"`                 // of the request that it is part of
	Features []string `json:"features,omitempty"` // to be looked for, in words of lab.Feature
	Question *text    `json:"question,omitempty"` // that Ask names by its number
	Ask      *ask     `json:"ask,omitempty"`
	Cells    []int    `json:"cells,omitempty"` // further indices that Next is to return
	End      bool     `json:"end,omitempty"`   // it returns no more
	Cancel   string   `json:"cancel,omitempty"`
	Ping     bool     `json:"ping,omitempty"` // answered at once
	Work     bool     `json:"work,omitempty"` // answered with how long some work takes, see Measure
}

// text is a question as package question prints it. Many requests have the same one. It is a part of the JSON around
// it: as a string of base64 it had nothing in common any more with the one before it.
type text struct {
	Number int             `json:"number"`
	Text   json.RawMessage `json:"text"`
}

// ask is a kernel.Request, without the question and the functions.
type ask struct {
	Question int               `json:"question"` // its number
	Combos   []lab.Combo       `json:"combos"`
	Version  lab.KernelVersion `json:"version"`
	Has      []string          `json:"has,omitempty"` // of the features that the question depends on
	Evidence bool              `json:"evidence,omitempty"`
	Outputs  bool              `json:"outputs,omitempty"`
	Place    string            `json:"place,omitempty"`
	Folder   string            `json:"folder,omitempty"`
	Run      int               `json:"run,omitempty"`
	Slow     float64           `json:"slow,omitempty"`
}

// report is what the answering end says.
type report struct {
	ID     int             `json:"id"`
	Hello  *Hello          `json:"hello,omitempty"` // the first one
	Has    map[string]bool `json:"has,omitempty"`
	Read   int             `json:"read,omitempty"`  // so many more bytes of the other end's, see pacer
	Waits  int             `json:"waits,omitempty"` // 1 where a cell begins to wait, -1 where it ends
	Answer *answer         `json:"answer,omitempty"`
	Took   time.Duration   `json:"took,omitempty"` // for a round of work
	Done   bool            `json:"done,omitempty"` // with the request
	Err    string          `json:"err,omitempty"`  // of Has, or of the whole request
}

// Hello is what the answering end says of itself before it is asked.
type Hello struct {
	Kernel  result.KernelInfo `json:"kernel"`
	Version lab.KernelVersion `json:"version"`
}

// answer is a kernel.Answer to a cell.
type answer struct {
	Cell     int               `json:"cell"`
	Got      []string          `json:"got,omitempty"`
	Red      bool              `json:"red,omitempty"`
	Skip     string            `json:"skip,omitempty"`
	Err      string            `json:"err,omitempty"`
	Evidence []result.Snapshot `json:"evidence,omitempty"`
	Outputs  []result.Output   `json:"outputs,omitempty"`
	Took     time.Duration     `json:"took"`
}

func newAnswer(cell int, a kernel.Answer) *answer {
	out := &answer{Cell: cell, Got: a.Got, Red: a.Red, Skip: a.Skip, Evidence: a.Evidence, Outputs: a.Outputs,
		Took: a.Took}
	if a.Err != nil {
		out.Err = a.Err.Error()
	}
	return out
}

func (a *answer) answer() kernel.Answer {
	out := kernel.Answer{Got: a.Got, Red: a.Red, Skip: a.Skip, Evidence: a.Evidence, Outputs: a.Outputs, Took: a.Took}
	if a.Err != "" {
		out.Err = errors.New(a.Err)
	}
	return out
}

// word begins either direction, alone in a line: a serial line may say something of its own before,
// and echoes what it gets until the end that it belongs to has told it not to. So that end
// speaks first.
const word = "labrun speaks"

// end is an end of the connection.
type end struct {
	w   io.Writer
	in  *bufio.Reader
	dec *json.Decoder

	mu  sync.Mutex
	out *flate.Writer
	enc *json.Encoder
}

func newEnd(r io.Reader, w io.Writer) *end { return &end{w: w, in: bufio.NewReader(r)} }

// speak says that this end speaks from now on.
func (e *end) speak() error {
	if _, err := io.WriteString(e.w, "\n"+word+"\n"); err != nil {
		return err
	}
	var err error
	e.out, err = flate.NewWriter(e.w, flate.DefaultCompression) // BestSpeed makes small values thrice as long
	e.enc = json.NewEncoder(e.out)
	return err
}

// listen waits until the other end speaks.
func (e *end) listen() error {
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("wait for the other end: %w", err)
		}
		if strings.TrimRight(line, "\r\n") == word {
			e.dec = json.NewDecoder(flate.NewReader(e.in))
			return nil
		}
	}
}

// say sends one value at once.
func (e *end) say(v any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.enc.Encode(v); err != nil {
		return err
	}
	return e.out.Flush()
}
