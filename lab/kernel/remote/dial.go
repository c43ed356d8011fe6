package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/question"
)

// Cells are granted ahead, so that the other end need not wait for a message between two of them:
// few, since other workers share them, and many where one process makes thousands by itself.
const (
	ahead      = 3
	aheadBatch = 2048
)

// keptQuestions is how many questions the other end remembers.
const keptQuestions = 64

// Kernel is the kernel at the other end of a connection.
type Kernel struct {
	*end
	Hello
	pace   *pacer
	orders *outbox
	slow   float64 // see Measure

	mu       sync.Mutex
	last     int // number of a request
	requests map[int]chan<- report
	gone     chan struct{} // closed when the connection has ended
	why      error         // it did
	explain  func(error) error

	sending   sync.Mutex
	questions map[*question.Question]int // that the other end has, by number
	numbered  []*question.Question       // in their order
}

// Dial waits for the other end's Serve. What ends the connection later is what explain, if not nil, makes of
// the error of reading: whoever started the other end may know more. The caller closes rw.
func Dial(rw io.ReadWriter, explain func(error) error) (*Kernel, error) {
	pace := newPacer(rw)
	k := &Kernel{end: newEnd(rw, pace), pace: pace, requests: map[int]chan<- report{}, gone: make(chan struct{}),
		questions: map[*question.Question]int{}, explain: explain}
	if err := k.listen(); err != nil {
		return nil, err
	}
	if err := k.speak(); err != nil {
		return nil, err
	}
	var r report
	for {
		if err := k.dec.Decode(&r); err != nil {
			return nil, fmt.Errorf("wait for the other end: %w", err)
		}
		if r.Read == 0 {
			break
		}
		pace.read(r.Read)
		r = report{}
	}
	if r.Hello == nil {
		return nil, errors.New("the other end does not say which kernel it is")
	}
	k.Hello = *r.Hello
	k.orders = newOutbox(k.say)
	go k.read()
	return k, nil
}

// read hands reports to their requests until the connection ends.
func (k *Kernel) read() {
	for {
		var r report
		if err := k.dec.Decode(&r); err != nil {
			err = fmt.Errorf("the connection has ended: %w", err)
			if k.explain != nil {
				err = k.explain(err)
			}
			k.fail(err)
			return
		}
		if r.Read > 0 {
			k.pace.read(r.Read)
			continue
		}
		k.mu.Lock()
		to := k.requests[r.ID]
		k.mu.Unlock()
		if to != nil {
			to <- r
		}
	}
}

// fail ends every request, those to come as well. The first reason counts.
func (k *Kernel) fail(why error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.why == nil {
		k.why = why
		close(k.gone)
	}
	k.pace.close()
	k.orders.close()
}

// begin returns a new request's number and its reports. The channel has to be read until the
// request is over; finish takes what is left.
func (k *Kernel) begin() (int, <-chan report) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last++
	c := make(chan report, 16)
	k.requests[k.last] = c
	return k.last, c
}

func (k *Kernel) finish(id int, c <-chan report) {
	k.mu.Lock()
	delete(k.requests, id)
	k.mu.Unlock()
	for { // read may be about to send one
		select {
		case <-c:
		default:
			return
		}
	}
}

// Ping returns when the other end has answered that it is alive.
func (k *Kernel) Ping() error {
	id, c := k.begin()
	defer k.finish(id, c)
	k.tell(order{ID: id, Ping: true})
	select {
	case <-c:
		return nil
	case <-k.gone:
		return k.why
	}
}

// Has asks the other end.
func (k *Kernel) Has(ctx context.Context, features []lab.Feature) (map[lab.Feature]bool, error) {
	has := map[lab.Feature]bool{}
	if len(features) == 0 {
		return has, nil
	}
	id, c := k.begin()
	defer k.finish(id, c)
	words := make([]string, len(features))
	for i, f := range features {
		words[i] = f.String()
	}
	k.tell(order{ID: id, Features: words})
	select {
	case r := <-c:
		if r.Err != "" {
			return nil, errors.New(r.Err)
		}
		for _, f := range features {
			has[f] = r.Has[f.String()]
		}
		return has, nil
	case <-k.gone:
		return nil, k.why
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Answer asks the other end. Cells that it had not answered when the connection ended are errors.
func (k *Kernel) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	id, c := k.begin()
	defer k.finish(id, c)
	a := &asking{Kernel: k, id: id, request: r, each: each, open: map[int]bool{}}
	defer a.waiting.Wait()
	a.lose(a.talk(ctx, c))
}

// errLeftOut is the answer to nothing, unless the kernel of the other end breaks its word.
var errLeftOut = errors.New("the other end left it out")

// talk returns when everything was answered, or with the reason why no more comes. What has come
// before that reason counts.
func (a *asking) talk(ctx context.Context, c <-chan report) error {
	if ctx.Err() != nil { // a run that was cancelled has hundreds of requests left, and the line to a guest is slow
		return context.Cause(ctx)
	}
	if err := a.ask(); err != nil {
		return err
	}
	for {
		var end error
		select {
		case r := <-c:
			if over, err := a.take(r); over || err != nil {
				return cmp.Or(err, errLeftOut)
			}
			continue
		case <-a.gone:
			end = a.why
		case <-ctx.Done():
			// The other end is not waited for, since it may hang.
			end = context.Cause(ctx)
			a.tell(order{ID: a.id, Cancel: end.Error()})
		}
		for {
			select {
			case r := <-c:
				if over, err := a.take(r); over || err != nil {
					return cmp.Or(err, errLeftOut)
				}
				continue
			default:
				return end
			}
		}
	}
}

// asking is a request under way.
type asking struct {
	*Kernel
	id      int
	request kernel.Request
	each    func(int, kernel.Answer)
	open    map[int]bool // cells that were granted and are not answered
	ended   bool         // Next has no more
	waits   []chan struct{}
	waiting sync.WaitGroup // those that wait are this request's workers
}

// ask sends the question, if the other end has it not, the request, and the first cells.
func (a *asking) ask() error {
	r := &a.request
	out := ask{Combos: r.Combos, Version: r.On.Version, Evidence: r.Evidence, Outputs: r.Outputs, Place: r.Place,
		Run: r.Run, Slow: max(r.Slow, a.slow), Folder: r.Folder}
	if folder, err := filepath.Abs(filepath.Dir(r.Question.File)); err == nil && out.Folder == "" {
		out.Folder = folder // the other end has another working directory
	}
	for _, f := range r.Question.Features() {
		if r.On.Has != nil && r.On.Has(f) {
			out.Has = append(out.Has, f.String())
		}
	}
	if err := a.send(a.id, out, r.Question); err != nil {
		return err
	}
	n := ahead
	if r.Question.Batch != nil {
		n = aheadBatch
	}
	a.grant(n)
	return nil
}

// send sends a request, and before it its question if the other end does not have that.
func (k *Kernel) send(id int, a ask, q *question.Question) error {
	k.sending.Lock() // until the request is sent: others could make the other end forget the question
	defer k.sending.Unlock()
	n, ok := k.questions[q]
	if !ok {
		var b bytes.Buffer
		asked := question.Asked{File: q.File, Layout: *q.Layout, Questions: []*question.Question{q}}
		if err := asked.Print(&b); err != nil {
			return err
		}
		n = len(k.numbered)
		k.tell(order{Question: &text{Number: n, Text: b.Bytes()}})
		k.questions[q] = n
		k.numbered = append(k.numbered, q)
		if old := n - keptQuestions; old >= 0 {
			delete(k.questions, k.numbered[old])
			k.numbered[old] = nil
		}
	}
	a.Question = n
	k.tell(order{ID: id, Ask: &a})
	return nil
}

// tell says something, to an end that may be gone: reading tells that better, and why.
func (k *Kernel) tell(o order) { k.orders.put(o) }

// grant lets the other end go on with further cells.
func (a *asking) grant(n int) {
	if a.ended {
		return
	}
	var cells []int
	for range n {
		i, ok := a.request.Next()
		if !ok {
			a.ended = true
			break
		}
		a.open[i] = true
		cells = append(cells, i)
	}
	a.tell(order{ID: a.id, Cells: cells, End: a.ended})
}

// take takes a report in, and returns whether it is the last one.
func (a *asking) take(r report) (over bool, err error) {
	switch {
	case r.Done && r.Err != "":
		return true, errors.New(r.Err)
	case r.Done:
		return true, nil
	case r.Waits > 0:
		c := make(chan struct{})
		a.waits = append(a.waits, c)
		if a.request.Waits != nil {
			a.waiting.Go(func() { a.request.Waits(func() { <-c }) })
		}
	case r.Waits < 0:
		a.release(1)
	case r.Answer != nil:
		if !a.open[r.Answer.Cell] {
			return true, fmt.Errorf("the other end answers cell %d, which it was not asked", r.Answer.Cell)
		}
		delete(a.open, r.Answer.Cell)
		a.each(r.Answer.Cell, r.Answer.answer())
		a.grant(1)
	}
	return false, nil
}

// release ends waits that the other end has told of.
func (a *asking) release(n int) {
	for _, c := range a.waits[:min(n, len(a.waits))] {
		close(c)
	}
	a.waits = a.waits[min(n, len(a.waits)):]
}

// lose answers what is left with an error.
func (a *asking) lose(why error) {
	a.release(len(a.waits))
	for i := range a.request.Combos {
		if a.open[i] {
			a.each(i, kernel.Answer{Err: why})
		}
	}
	a.open = nil
	for !a.ended {
		i, ok := a.request.Next()
		if a.ended = !ok; ok {
			a.each(i, kernel.Answer{Err: why})
		}
	}
}
