package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/question"
)

// Serve answers what the other end asks of the kernel, until that closes the connection. It
// returns nil then.
func Serve(rw io.ReadWriter, hello Hello, k kernel.Kernel) error {
	var reads *outbox
	e := newEnd(&teller{r: rw, tell: func(n int) { reads.put(report{Read: n}) }}, rw)
	reads = newOutbox(e.say)
	defer reads.close()
	if err := e.speak(); err != nil {
		return err
	}
	if err := e.listen(); err != nil {
		return err
	}
	if err := e.say(report{Hello: &hello}); err != nil {
		return err
	}
	s := &server{end: e, kernel: k, requests: map[int]*served{}, questions: map[int]*question.Question{}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// Nothing is said from here: two ends that both wait until the other one reads would wait forever.
	for {
		var o order
		if err := e.dec.Decode(&o); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return fmt.Errorf("read an order: %w", err)
		}
		if err := s.obey(ctx, o); err != nil {
			return err
		}
	}
}

type server struct {
	*end
	kernel    kernel.Kernel
	questions map[int]*question.Question

	mu       sync.Mutex
	requests map[int]*served
}

// served is a request whose cells come one by one.
type served struct {
	limit  int // number of the request's combinations
	mu     sync.Mutex
	change sync.Cond
	cells  []int
	ended  bool
	cancel context.CancelCauseFunc
}

func (s *server) obey(ctx context.Context, o order) error {
	switch {
	case o.Ping:
		go func() { _ = s.say(report{ID: o.ID, Done: true}) }() // this goroutine only reads: see Serve
	case o.Work:
		go func() { _ = s.say(worked(o.ID)) }()
	case o.Features != nil:
		go s.has(ctx, o)
	case o.Question != nil:
		asked, err := question.Read(bytes.NewReader(o.Question.Text))
		if err != nil {
			return err
		}
		if len(asked.Questions) != 1 {
			return fmt.Errorf("read an order: %d questions in place of one", len(asked.Questions))
		}
		s.questions[o.Question.Number] = asked.Questions[0]
		delete(s.questions, o.Question.Number-keptQuestions)
	case o.Ask != nil:
		q := s.questions[o.Ask.Question]
		if q == nil {
			return fmt.Errorf("read an order: it asks question %d, which was not sent, or long ago", o.Ask.Question)
		}
		r := &served{limit: len(o.Ask.Combos)}
		r.change.L = &r.mu
		var cancelled context.Context
		cancelled, r.cancel = context.WithCancelCause(ctx)
		s.mu.Lock()
		s.requests[o.ID] = r
		s.mu.Unlock()
		go s.answer(cancelled, o.ID, *o.Ask, q, r)
	}
	s.mu.Lock()
	r := s.requests[o.ID]
	s.mu.Unlock()
	switch {
	case r == nil: // it is over, which the other end has not read yet
		return nil
	case o.Cancel != "":
		r.cancel(errors.New(o.Cancel))
	case len(o.Cells) > 0 || o.End:
		return r.add(o.Cells, o.End)
	}
	return nil
}

// add adds cells that the request is to go on with; there are no more after the end.
func (r *served) add(cells []int, end bool) error {
	for _, i := range cells {
		if i < 0 || i >= r.limit {
			return fmt.Errorf("read an order: cell %d of %d", i, r.limit)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cells, r.ended = append(r.cells, cells...), r.ended || end
	r.change.Broadcast()
	return nil
}

func (s *server) has(ctx context.Context, o order) {
	features, err := question.ParseFeatures(o.Features)
	words := map[string]bool{}
	if err == nil {
		var has map[lab.Feature]bool
		has, err = s.kernel.Has(ctx, features)
		for f, ok := range has {
			words[f.String()] = ok
		}
	}
	out := report{ID: o.ID, Has: words, Done: true}
	if err != nil {
		out.Err = err.Error()
	}
	_ = s.say(out) // who cannot be told any more will not wait
}

func (s *server) answer(ctx context.Context, id int, a ask, q *question.Question, r *served) {
	defer context.AfterFunc(ctx, func() { _ = r.add(nil, true) })() // no more cells, next must not wait
	defer func() {
		r.cancel(nil)
		s.mu.Lock()
		delete(s.requests, id)
		s.mu.Unlock()
	}()
	has := map[string]bool{}
	for _, f := range a.Has {
		has[f] = true
	}
	on := lab.Kernel{Version: a.Version, Has: func(f lab.Feature) bool {
		return has[lab.Feature{Kind: f.Kind, Name: f.Name}.String()]
	}}
	request := kernel.Request{
		Question: q, Combos: a.Combos, On: on, Evidence: a.Evidence, Outputs: a.Outputs, Place: a.Place,
		Folder: a.Folder, Run: a.Run, Slow: a.Slow,
		Next:  r.next,
		Waits: func(f func()) { s.waits(id, f) },
	}
	s.kernel.Answer(ctx, request, func(i int, a kernel.Answer) { _ = s.say(report{ID: id, Answer: newAnswer(i, a)}) })
	_ = s.say(report{ID: id, Done: true})
}

// soon is how long a cell may wait before the other end is told. Nearly every call may wait and does not: to say so
// before and after each of them was nine tenths of what a guest said.
const soon = 10 * time.Millisecond

// waits calls f, and tells the other end when that takes longer than soon.
func (s *server) waits(id int, f func()) {
	told := make(chan struct{})
	tell := time.AfterFunc(soon, func() {
		defer close(told)
		_ = s.say(report{ID: id, Waits: 1})
	})
	f()
	if !tell.Stop() {
		<-told // the end of a wait comes after its beginning
		_ = s.say(report{ID: id, Waits: -1})
	}
}

// next waits for the next cell that the other end wants asked.
func (r *served) next() (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.cells) == 0 {
		if r.ended {
			return 0, false
		}
		r.change.Wait()
	}
	i := r.cells[0]
	r.cells = r.cells[1:]
	return i, true
}
