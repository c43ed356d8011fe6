package remote

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// fake is a kernel whose answers tell of the cell that was asked.
type fake struct {
	waits func(i int)                      // if not nil, called while a cell waits
	hold  func(ctx context.Context, i int) // if not nil, called before a cell is answered
	mu    sync.Mutex
	asked []kernel.Request
}

func (f *fake) Has(_ context.Context, features []lab.Feature) (map[lab.Feature]bool, error) {
	has := map[lab.Feature]bool{}
	for _, feature := range features {
		if feature.Name == "broken" {
			return nil, errors.New("cannot be tried")
		}
		has[feature] = feature.Name == "mptcp"
	}
	return has, nil
}

func (f *fake) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	f.mu.Lock()
	f.asked = append(f.asked, r)
	f.mu.Unlock()
	for i, ok := r.Next(); ok; i, ok = r.Next() {
		if f.waits != nil {
			r.Waits(func() { f.waits(i) })
		}
		if f.hold != nil {
			f.hold(ctx, i)
		}
		each(i, answerTo(r, i))
	}
}

func answerTo(r kernel.Request, i int) kernel.Answer {
	a := kernel.Answer{Got: []string{r.Experiment, fmt.Sprint(r.Combos[i])}, Took: 7}
	switch i % 4 {
	case 1:
		a.Red, a.Evidence = true, []result.Snapshot{{Step: i}}
	case 2:
		a.Skip = "it lacks that"
	case 3:
		a.Err = errors.New("could not")
	}
	return a
}

// connect returns a kernel at the other end of a pipe that stores nothing: two ends that wait for
// each other would never go on. cut ends the connection, as the end of a guest does.
func connect(t testing.TB, k kernel.Kernel) (asker *Kernel, cut func()) {
	t.Helper()
	ours, theirs := net.Pipe()
	served := make(chan error, 1)
	hello := Hello{Kernel: result.KernelInfo{Release: "6.1.0-fake"}, Version: lab.KernelVersion{6, 1}}
	go func() { served <- Serve(theirs, hello, k) }()
	asker, err := Dial(ours, func(err error) error { return fmt.Errorf("the guest ended: %w", err) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hello, asker.Hello); diff != "" {
		t.Error(diff)
	}
	cut = sync.OnceFunc(func() {
		ours.Close()
		if err := <-served; err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
	})
	t.Cleanup(cut)
	return asker, cut
}

// mustAsk returns a question of n cells.
func mustAsk(t testing.TB, name string, n int) *question.Question {
	t.Helper()
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	top, err := topology.Load(topology.Source{File: "trial.yaml", Text: fmt.Appendf(nil, `
name: trial
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}
experiments:
  %s:
    axes: {n: [%s]}
    steps: [a = socket(tcp), 'sysctl(net.ipv4.ip_default_ttl, "${n}")']
`, name, strings.Join(values, ", "))})
	if err != nil {
		t.Fatal(err)
	}
	q, err := question.Of(top, &top.Experiments[0], "alpha")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// request asks all cells of a question, in their order.
func request(q *question.Question) kernel.Request {
	var mu sync.Mutex
	next := 0
	return kernel.Request{Question: q, Combos: q.Combos, Next: func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= len(q.Combos)
	}}
}

// collect asks, and returns the answers by cell. Each cell has to be answered once.
func collect(t testing.TB, ctx context.Context, k kernel.Kernel, r kernel.Request) ([]kernel.Answer, []int) {
	t.Helper()
	answers, times, order := make([]kernel.Answer, len(r.Combos)), make([]int, len(r.Combos)), []int(nil)
	k.Answer(ctx, r, func(i int, a kernel.Answer) {
		answers[i], order = a, append(order, i)
		times[i]++
	})
	for i, n := range times {
		if n != 1 {
			t.Errorf("cell %d was answered %d times", i, n)
		}
	}
	return answers, order
}

// texts compares errors by what they say: one that was sent has no type any more.
var texts = cmp.Comparer(func(a, b error) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Error() == b.Error())
})

// TestAnswers asks far more cells than are granted ahead, and gets them in their order.
func TestAnswers(t *testing.T) {
	for _, n := range []int{1, ahead, ahead + 1, 2000} {
		f := new(fake)
		k, _ := connect(t, f)
		r := request(mustAsk(t, "e", n))
		r.Place, r.Run, r.Evidence, r.Outputs = "2", 3, true, true
		r.On = lab.Kernel{Version: lab.KernelVersion{5, 10}}
		answers, order := collect(t, t.Context(), k, r)
		if !slices.IsSorted(order) {
			t.Errorf("%d cells: answered in the order %v", n, order)
		}
		for i := range answers {
			if diff := cmp.Diff(answerTo(r, i), answers[i], texts); diff != "" {
				t.Fatal(diff)
			}
		}
		got := f.asked[0]
		if got.Place != "2" || got.Run != 3 || !got.Evidence || !got.Outputs || got.On.Version != r.On.Version ||
			got.Question.Experiment != "e" || got.File != "trial.yaml" {
			t.Errorf("asked %+v", got)
		}
	}
}

// TestWaits: what waits at the other end waits here, so that a worker is lent.
func TestWaits(t *testing.T) {
	begun, ended := make(chan int), make(chan bool)
	k, _ := connect(t, &fake{waits: func(i int) { begun <- i; <-ended }})
	r := request(mustAsk(t, "e", 2))
	lent, back := make(chan bool), make(chan bool)
	r.Waits = func(f func()) {
		lent <- true
		f()
		back <- true
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		collect(t, t.Context(), k, r)
	}()
	for i := range 2 {
		if got := <-begun; got != i {
			t.Errorf("cell %d waits, want %d", got, i)
		}
		<-lent
		select {
		case <-back:
			t.Error("the wait ended before the other end's")
		default:
		}
		ended <- true
		<-back
	}
	<-done
}

// TestShortWaits: calls that may wait, and do not, are nothing that the other end is told of. What lasts longer is told
// from its beginning to its end.
func TestShortWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, cut := connect(t, &fake{waits: func(i int) {
			if i == 2 {
				time.Sleep(2 * soon)
			}
		}})
		defer cut()
		r := request(mustAsk(t, "e", 4))
		var lent []time.Duration
		r.Waits = func(f func()) {
			began := time.Now()
			f()
			lent = append(lent, time.Since(began)) // one waits at a time
		}
		collect(t, t.Context(), k, r)
		if diff := cmp.Diff([]time.Duration{soon}, lent); diff != "" {
			t.Errorf("waits that were told (-want, +got):\n%s", diff)
		}
	})
}

// TestCheap: what carries a question may take longer over a byte than over all else, so what the one before it had too
// is hardly sent again.
func TestCheap(t *testing.T) {
	var sent atomic.Int64
	ours, theirs := net.Pipe()
	go func() { _ = Serve(theirs, Hello{}, &fake{}) }()
	k, err := Dial(counting{ours, &sent}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	size := 0
	for i := range 20 {
		q := mustAsk(t, fmt.Sprint("e", i), 10)
		var text bytes.Buffer
		asked := question.Asked{File: q.File, Layout: *q.Layout, Questions: []*question.Question{q}}
		if err := asked.Print(&text); err != nil {
			t.Fatal(err)
		}
		collect(t, t.Context(), k, request(q))
		if i == 0 {
			sent.Store(0) // it had all to say
			continue
		}
		size += text.Len()
	}
	if n := int(sent.Load()); n > size/8 {
		t.Errorf("questions of %d bytes took %d on the wire, want %d at most", size, n, size/8)
	}
}

type counting struct {
	net.Conn
	n *atomic.Int64
}

func (c counting) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return c.Conn.Write(b)
}

// TestCancel: a run that was cancelled ends at once, also where the other end hangs. That has its
// context cancelled, and gets no further cell.
func TestCancel(t *testing.T) {
	cancelled := make(chan error)
	f := &fake{hold: func(ctx context.Context, i int) {
		if i == 1 {
			<-ctx.Done()
			cancelled <- context.Cause(ctx)
		}
	}}
	k, _ := connect(t, f)
	ctx, cancel := context.WithCancelCause(t.Context())
	r := request(mustAsk(t, "e", 10))
	var answers []kernel.Answer
	k.Answer(ctx, r, func(i int, a kernel.Answer) {
		if answers = append(answers, a); i == 0 {
			cancel(errors.New("enough"))
		}
	})
	if len(answers) != 10 || answers[0].Err != nil {
		t.Fatalf("answers %v", answers)
	}
	for _, a := range answers[1:] {
		if a.Err == nil || a.Err.Error() != "enough" {
			t.Errorf("answer %v", a)
		}
	}
	if err := <-cancelled; err == nil || err.Error() != "enough" {
		t.Errorf("the other end was cancelled with %v", err)
	}
	collect(t, t.Context(), k, request(mustAsk(t, "after", 1))) // the kernel can still be asked
}

// TestCancelledBefore: a run that was cancelled has hundreds of requests left, and none of them is sent.
func TestCancelledBefore(t *testing.T) {
	f := &fake{hold: func(_ context.Context, i int) { t.Errorf("cell %d was asked", i) }}
	k, _ := connect(t, f)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	answers, _ := collect(t, ctx, k, request(mustAsk(t, "e", 3)))
	for _, a := range answers {
		if a.Err == nil || a.Err.Error() != "enough" {
			t.Errorf("answer %v", a)
		}
	}
	if len(k.questions) != 0 {
		t.Errorf("%d questions were sent", len(k.questions))
	}
}

// TestLost: what was answered before the connection ended stays; the rest are errors with the reason.
func TestLost(t *testing.T) {
	var cut func()
	f := &fake{hold: func(_ context.Context, i int) {
		if i == 5 {
			go cut()
			select {}
		}
	}}
	k, c := connect(t, f)
	cut = c
	answers, _ := collect(t, t.Context(), k, request(mustAsk(t, "e", 12)))
	for i, a := range answers {
		if i < 5 {
			if len(a.Got) == 0 {
				t.Errorf("cell %d: %v", i, a)
			}
			continue
		}
		if a.Err == nil || !strings.HasPrefix(a.Err.Error(), "the guest ended: ") {
			t.Errorf("cell %d: %v", i, a)
		}
	}
	if _, err := k.Has(t.Context(), []lab.Feature{{Kind: "socket", Name: "mptcp"}}); err == nil {
		t.Error("a kernel that is gone has features")
	}
	if k.Ping() == nil {
		t.Error("a kernel that is gone lives")
	}
	collect(t, t.Context(), k, request(mustAsk(t, "after", 3)))
}

func TestHas(t *testing.T) {
	k, _ := connect(t, new(fake))
	features, err := question.ParseFeatures([]string{"socket mptcp", "socket sctp"})
	if err != nil {
		t.Fatal(err)
	}
	has, err := k.Has(t.Context(), features)
	if err != nil || !has[features[0]] || has[features[1]] || len(has) != 2 {
		t.Errorf("%v, %v", has, err)
	}
	if err := k.Ping(); err != nil {
		t.Error(err)
	}
}

// TestTwoRequests: cells of two requests are asked side by side.
func TestTwoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var both sync.WaitGroup
		both.Add(2)
		f := &fake{hold: func(_ context.Context, i int) {
			if i == 0 {
				both.Done()
				both.Wait()
			}
		}}
		k, cut := connect(t, f)
		var group sync.WaitGroup
		for _, name := range []string{"one", "two"} {
			group.Go(func() {
				answers, _ := collect(t, t.Context(), k, request(mustAsk(t, name, 50)))
				for _, a := range answers {
					if a.Got[0] != name {
						t.Errorf("%s got %v", name, a)
					}
				}
			})
		}
		group.Wait()
		cut()
	})
}

// TestQuestionsAreKept: a question is sent once, and once more when so many came after it that the
// other end has forgotten it.
func TestQuestionsAreKept(t *testing.T) {
	f := new(fake)
	k, _ := connect(t, f)
	first := mustAsk(t, "first", 2)
	for range 2 {
		collect(t, t.Context(), k, request(first))
	}
	if f.asked[0].Question != f.asked[1].Question {
		t.Error("the question was sent twice")
	}
	for range keptQuestions {
		collect(t, t.Context(), k, request(mustAsk(t, "other", 1)))
	}
	answers, _ := collect(t, t.Context(), k, request(first))
	if answers[0].Got[0] != "first" || f.asked[len(f.asked)-1].Question == f.asked[0].Question {
		t.Errorf("after %d others: %v", keptQuestions, answers)
	}
}

// FuzzDial reads whatever a kernel that is out of its mind may say: every cell is answered, once.
func FuzzDial(f *testing.F) {
	for _, text := range []string{
		`{"id":1,"answer":{"cell":0,"got":["ok"]}}{"id":1,"done":true}`,
		`{"id":1,"answer":{"cell":-1}}`,
		`{"id":1,"answer":{"cell":0}}{"id":1,"answer":{"cell":0}}{"id":7}`,
		`{"id":1,"waits":1}{"id":1,"waits":-1}{"id":1,"waits":-1}{"id":1,"done":true,"err":"no"}`,
		`{"hello":null}`, `{`, `{"id":1,"waits":1}`,
	} {
		f.Add([]byte(text))
	}
	q := mustAsk(f, "e", 5)
	f.Fuzz(func(t *testing.T, said []byte) {
		var in bytes.Buffer
		fmt.Fprintf(&in, "boot\n%s\n", word)
		w, _ := flate.NewWriter(&in, flate.BestSpeed)
		_, _ = w.Write([]byte(`{"hello":{}}`))
		_ = w.Flush()
		hello := in.Len()
		_, _ = w.Write(said)
		_ = w.Flush()
		// What is said before there is a request is for nobody.
		asked := make(chan bool)
		rest := readerFunc(func(b []byte) (int, error) { <-asked; return 0, io.EOF })
		k, err := Dial(struct {
			io.Reader
			io.Writer
		}{io.MultiReader(bytes.NewReader(in.Bytes()[:hello]), rest, bytes.NewReader(in.Bytes()[hello:])), io.Discard}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := request(q)
		next := r.Next
		r.Next = func() (int, bool) {
			if i, ok := next(); i > 0 || !ok {
				return i, ok
			}
			close(asked)
			return 0, true
		}
		r.Waits = func(f func()) { f() }
		collect(t, t.Context(), k, r)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// FuzzServe reads orders. Those that make no sense end it, and nothing hangs.
func FuzzServe(f *testing.F) {
	var asked bytes.Buffer
	q := mustAsk(f, "e", 5)
	all := question.Asked{File: q.File, Layout: *q.Layout, Questions: []*question.Question{q}}
	if err := all.Print(&asked); err != nil {
		f.Fatal(err)
	}
	sent, err := json.Marshal(order{Question: &text{Text: asked.Bytes()}})
	if err != nil {
		f.Fatal(err)
	}
	for _, more := range []string{
		`{"id":1,"ask":{"combos":[0,1,2]}}{"id":1,"cells":[0,1]}{"id":1,"cells":[2],"end":true}`,
		`{"id":1,"ask":{"combos":[0]}}{"id":1,"cells":[1]}`, `{"id":1,"ask":{"combos":[0]}}{"id":1,"cancel":"x"}`,
		`{"id":1,"ask":{"question":3,"combos":[0]}}`, `{"id":2,"features":["socket mptcp"]}`, `{"id":2,"features":["x"]}`,
		`{"ping":true}`,
	} {
		f.Add(append(slices.Clone(sent), more...))
	}
	f.Fuzz(func(t *testing.T, orders []byte) {
		var in bytes.Buffer
		fmt.Fprintf(&in, "%s\n", word)
		w, _ := flate.NewWriter(&in, flate.BestSpeed)
		_, _ = w.Write(orders)
		_ = w.Flush()
		_ = Serve(struct {
			io.Reader
			io.Writer
		}{&in, io.Discard}, Hello{}, new(fake))
	})
}

// line is what stands behind a serial line: it holds so many bytes that were not read, and stops for good
// when there are more.
type line struct {
	net.Conn
	t     *testing.T
	under *atomic.Int64
	sends bool
}

func (l line) Write(b []byte) (int, error) {
	if l.sends && l.under.Add(int64(len(b))) > window {
		l.t.Errorf("%d bytes are under way", l.under.Load())
	}
	return l.Conn.Write(b)
}

func (l line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if !l.sends {
		l.under.Add(-int64(n))
	}
	return n, err
}

// TestPace: a question that is far larger than what a terminal holds comes in pieces.
func TestPace(t *testing.T) {
	ours, theirs := net.Pipe()
	var under atomic.Int64
	go func() { _ = Serve(line{theirs, t, &under, false}, Hello{}, &fake{}) }()
	k, err := Dial(line{ours, t, &under, true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	q := mustAsk(t, "e", 3000)
	answers, _ := collect(t, t.Context(), k, request(q))
	if len(answers) != 3000 {
		t.Errorf("%d answers", len(answers))
	}
}
