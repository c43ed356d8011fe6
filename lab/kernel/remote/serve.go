package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/question"
)

// Serve answers what the other end asks of the kernel, until that closes the connection. It
// returns nil then.
func Serve(rw io.ReadWriter, hello Hello, k kernel.Kernel) error {
	e := newEnd(rw)
	if err := e.speak(); err != nil {
		return err
	}
	if err := e.say(report{Hello: &hello}); err != nil {
		return err
	}
	if err := e.listen(); err != nil {
		return err
	}
	s := &server{end: e, kernel: k, requests: map[int]*served{}, questions: map[int]*question.Question{}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
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
	requests  map[int]*served
	questions map[int]*question.Question
}

// served is a request whose cells come one by one.
type served struct {
	mu     sync.Mutex
	change sync.Cond
	cells  []int
	ended  bool
	cancel context.CancelCauseFunc
}

func (s *server) obey(ctx context.Context, o order) error {
	switch {
	case o.Features != nil:
		go s.has(ctx, o)
	case o.Question != nil:
		asked, err := question.Read(bytes.NewReader(o.Question.Text))
		if err != nil {
			return err
		}
		s.questions[o.Question.Number] = asked.Questions[0]
		delete(s.questions, o.Question.Number-keptQuestions)
	case o.Ask != nil:
		r := &served{}
		r.change.L = &r.mu
		s.requests[o.ID] = r
		var cancelled context.Context
		cancelled, r.cancel = context.WithCancelCause(ctx)
		go s.answer(cancelled, o.ID, *o.Ask, s.questions[o.Ask.Question], r)
	}
	r := s.requests[o.ID]
	if r == nil {
		return nil
	}
	if o.Cancel != "" {
		r.cancel(errors.New(o.Cancel))
	}
	if len(o.Cells) > 0 || o.End {
		r.mu.Lock()
		r.cells, r.ended = append(r.cells, o.Cells...), r.ended || o.End
		r.mu.Unlock()
		r.change.Broadcast()
		if o.End {
			delete(s.requests, o.ID) // nothing more comes for it
		}
	}
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
	defer r.cancel(nil)
	has := map[string]bool{}
	for _, f := range a.Has {
		has[f] = true
	}
	on := lab.Kernel{Version: a.Version, Has: func(f lab.Feature) bool {
		return has[lab.Feature{Kind: f.Kind, Name: f.Name}.String()]
	}}
	request := kernel.Request{
		Question: q, Combos: a.Combos, On: on, Evidence: a.Evidence, Place: a.Place, Run: a.Run,
		Next: r.next,
		Waits: func(f func()) {
			_ = s.say(report{ID: id, Waits: 1})
			f()
			_ = s.say(report{ID: id, Waits: -1})
		},
	}
	s.kernel.Answer(ctx, request, func(i int, a kernel.Answer) { _ = s.say(report{ID: id, Answer: newAnswer(i, a)}) })
	_ = s.say(report{ID: id, Done: true})
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
