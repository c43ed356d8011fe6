package remote

import (
	"io"
	"sync"
)

// A serial line loses nothing by itself, but what stands behind it may: a terminal of Linux keeps 4095 bytes that
// were not read yet (N_TTY_BUF_SIZE), and User-mode Linux, once it has stopped its line for that, never starts it
// again. So the asking end has at most a window of bytes under way, and the answering end says how many it read.
//
// It says so for every few hundred bytes, since a serial line may give it them one by one: in an emulated guest, to
// say it for each read took a fifth of all that labrun did there. What was not told is less than the window has room
// for beside a piece, so no piece waits for it.
const (
	window = 2048
	piece  = 1024
	notice = 512
)

// pacer writes no more than the other end has room for.
type pacer struct {
	w io.Writer

	mu     sync.Mutex
	room   sync.Cond
	under  int  // bytes that were written and not read
	closed bool // nothing reads any more
}

func newPacer(w io.Writer) *pacer {
	p := &pacer{w: w}
	p.room.L = &p.mu
	return p
}

// Write waits for room, piece by piece.
func (p *pacer) Write(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		some := b[n:min(n+piece, len(b))]
		if err := p.wait(len(some)); err != nil {
			return n, err
		}
		m, err := p.w.Write(some)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (p *pacer) wait(n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.under+n > window && !p.closed {
		p.room.Wait()
	}
	if p.closed {
		return io.ErrClosedPipe
	}
	p.under += n
	return nil
}

// read takes note of what the other end has read.
func (p *pacer) read(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under = max(0, p.under-n)
	p.room.Broadcast()
}

func (p *pacer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.room.Broadcast()
}

// teller says how many bytes were read, when they are as many as notice.
type teller struct {
	r      io.Reader
	tell   func(n int)
	untold int
}

func (t *teller) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if t.untold += n; t.untold >= notice {
		t.tell(t.untold)
		t.untold = 0
	}
	return n, err
}

// outbox hands values to say, in their order, without ever making the sender wait: what makes an end wait until
// the other one reads must not keep it from reading itself.
type outbox struct {
	say func(any) error

	mu     sync.Mutex
	filled sync.Cond
	queue  []any
	closed bool
}

func newOutbox(say func(any) error) *outbox {
	o := &outbox{say: say}
	o.filled.L = &o.mu
	go o.empty()
	return o
}

func (o *outbox) put(v any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, v)
	o.filled.Signal()
}

// empty says what is put in until the connection has ended; then somebody else says so.
func (o *outbox) empty() {
	for {
		o.mu.Lock()
		for len(o.queue) == 0 && !o.closed {
			o.filled.Wait()
		}
		if o.closed {
			o.mu.Unlock()
			return
		}
		v := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		if o.say(v) != nil {
			o.close()
		}
	}
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.filled.Signal()
}
