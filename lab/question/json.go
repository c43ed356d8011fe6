package question

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"slices"

	"labrun/lab"
)

// Print writes, as JSON, everything that a topology asks a kernel: what it has to have, the
// probes, and the questions of every experiment in every host. It is the same on every
// machine for the same t.File, so that two machines can be shown to be asked the same, and a
// kernel can answer elsewhere.
//
// A probe is asked in one host alone: it finds out about the kernel, which all hosts have.
func Print(w io.Writer, t *lab.Topology) error {
	ask := func(list []lab.Experiment, on func(*lab.Experiment, string) bool) iter.Seq2[*Question, error] {
		return func(yield func(*Question, error) bool) {
			for i := range list {
				for _, h := range t.Hosts {
					if e := &list[i]; on(e, h.Name) && !yield(Of(t, e, h.Name)) {
						return
					}
				}
			}
		}
	}
	probes := ask(t.Probes, func(e *lab.Experiment, host string) bool { return host == e.Hosts[0] })
	return print(w, t.File, &t.Layout, Features(t), probes, ask(t.Experiments, (*lab.Experiment).RunsOn))
}

// Print writes what was read, as it was printed.
func (a *Asked) Print(w io.Writer) error {
	each := func(list []*Question) iter.Seq2[*Question, error] {
		return func(yield func(*Question, error) bool) {
			for _, q := range list {
				if !yield(q, nil) {
					return
				}
			}
		}
	}
	return print(w, a.File, &a.Layout, a.Features, each(a.Probes), each(a.Questions))
}

// print takes the questions one by one: those of a thousand hosts are many, so each is
// written and forgotten before the next is made.
func print(w io.Writer, file string, l *lab.Layout, features []lab.Feature,
	probes, questions iter.Seq2[*Question, error]) error {
	p := &printer{w: w}
	p.open("{")
	p.member("topology", l.Name)
	p.member("file", file)
	lines(p, "networks", l.Networks)
	lines(p, "hosts", l.Hosts)
	list(p, "features", slices.Values(features), func(f lab.Feature) { p.value(f.String()) })
	p.questions("probes", probes)
	p.questions("questions", questions)
	p.close("}")
	p.printf("\n")
	return p.err
}

// printer writes JSON piece by piece, indented, but for a line to each host, operation,
// process and step: a topology may have a thousand hosts. encoding/json indents all or nothing, and
// either a value to a line or one line for all is a diff that cannot be read.
type printer struct {
	w     io.Writer
	err   error // the first one
	items []int // of the objects and arrays that are open
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// item begins another item of the object or array that is open, on a line of its own.
func (p *printer) item() {
	n := &p.items[len(p.items)-1]
	if *n++; *n > 1 {
		p.printf(",")
	}
	p.printf("\n%*s", 2*len(p.items), "")
}

func (p *printer) open(bracket string) {
	p.printf("%s", bracket)
	p.items = append(p.items, 0)
}

func (p *printer) close(bracket string) {
	n := p.items[len(p.items)-1]
	p.items = p.items[:len(p.items)-1]
	if n > 0 {
		p.printf("\n%*s", 2*len(p.items), "")
	}
	p.printf("%s", bracket)
}

// value writes one that stands on a line.
func (p *printer) value(v any) {
	text, err := marshal(v)
	p.err = cmp.Or(p.err, err)
	p.printf("%s", text)
}

// marshal is json.Marshal without HTML's escapes: "< 6.2" would be written as "\u003c 6.2", also by
// a MarshalJSON that calls json.Marshal, whatever the encoder around it is set to.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

func (p *printer) member(key string, v any) {
	p.item()
	p.printf("%q: ", key)
	p.value(v)
}

// list writes a member that is an array.
func list[T any](p *printer, key string, items iter.Seq[T], each func(T)) {
	p.item()
	p.printf("%q: ", key)
	p.open("[")
	for v := range items {
		p.item()
		each(v)
	}
	p.close("]")
}

func lines[T any](p *printer, key string, items []T) {
	list(p, key, slices.Values(items), func(v T) { p.value(v) })
}

func (p *printer) questions(key string, all iter.Seq2[*Question, error]) {
	p.item()
	p.printf("%q: ", key)
	p.open("[")
	for q, err := range all {
		p.item()
		if err != nil {
			p.err = cmp.Or(p.err, err)
			return
		}
		p.question(q)
	}
	p.close("]")
}

// question writes an experiment in a host, in the words of the file and with what they
// stand for. Combinations that are all there are go by their number.
func (p *printer) question(q *Question) {
	p.open("{")
	p.member("experiment", q.Experiment)
	p.member("host", q.Host)
	p.member("hosts", q.Hosts)
	lines(p, "plan", q.Plan.Lines())
	lines(p, "processes", q.Processes)
	if len(q.Ports) > 0 {
		p.member("ports", q.Ports)
	}
	if len(q.Kept) > 0 {
		p.member("kept_ports", q.Kept)
	}
	if len(q.Axes) > 0 {
		lines(p, "axes", q.Axes)
	}
	list(p, "steps", slices.Values(q.Slots), func(s Slot) {
		p.open("{")
		if len(s.Axes) > 0 {
			p.member("axes", s.Axes)
		}
		if s.VariantOf != nil { // of the variants each combination of the axes has; else one after the other
			p.member("which", s.VariantOf)
		}
		list(p, "variants", slices.Values(s.Variants), func(steps []Step) {
			p.open("[")
			for _, step := range steps {
				p.item()
				p.value(step)
			}
			p.close("]")
		})
		p.close("}")
	})
	p.member("cells", len(q.Combos))
	if !slices.IsSorted(q.Combos) || len(q.Combos) > 0 && int(q.Combos[len(q.Combos)-1]) != len(q.Combos)-1 {
		p.member("combinations", q.Combos) // else all that there are
	}
	p.member("cells_share_labs", q.Shares)
	if q.Batch != nil {
		p.member("batch_of", q.Batch.String())
	}
	p.close("}")
}

// MarshalJSON writes the process's name, what it is and the user that it runs as.
func (p Process) MarshalJSON() ([]byte, error) {
	return marshal(processJSON{p.Process.String(), p.Program, p.Child, p.User, p.Named, p.Keeps})
}

type processJSON struct {
	Name    string   `json:"name"`
	Program bool     `json:"program,omitempty"`
	Child   bool     `json:"forked,omitempty"`
	User    *uint32  `json:"user,omitempty"`
	Named   string   `json:"named,omitempty"`
	Keeps   []string `json:"capabilities,omitempty"`
}

// stepJSON is a step as text that syntax reads back, so that the printed form has no second grammar.
type stepJSON struct {
	At      lab.Pos    `json:"at"`
	Process string     `json:"process"`
	Call    string     `json:"call"`
	Address string     `json:"address,omitempty"`
	Inner   []string   `json:"inner_addresses,omitempty"` // in control messages
	Spec    lab.Spec   `json:"words,omitempty"`
	Run     *runJSON   `json:"run,omitempty"`
	Want    []wantJSON `json:"want"`
	Until   float64    `json:"until_seconds,omitempty"`
	Pending string     `json:"background_as,omitempty"`
	Held    bool       `json:"until_together,omitempty"`
	Sender  bool       `json:"says_sender,omitempty"`
}

// runJSON has a program's words apart: joined to a command line they could not be told from each
// other by a kernel without a shell.
type runJSON struct {
	Argv       []string `json:"argv"`
	Background bool     `json:"background,omitempty"`
	FDs        []lab.FD `json:"fds,omitempty"`
	Stdout     string   `json:"stdout,omitempty"`
	Stderr     string   `json:"stderr,omitempty"`
}

// wantJSON is a wanted answer with its conditions. Limits are in seconds and always written out: a
// kernel elsewhere need not know the defaults of the labrun that asks.
type wantJSON struct {
	Answer  string     `json:"answer"`
	Address string     `json:"address,omitempty"`
	Or      []string   `json:"addresses,omitempty"` // of several answers, "" where one has none
	OrSpecs []lab.Spec `json:"several_words,omitempty"`
	Inner   []string   `json:"inner_addresses,omitempty"`
	Spec    lab.Spec   `json:"words,omitempty"`
	Linux   []string   `json:"linux,omitempty"`
	Has     string     `json:"has,omitempty"`
	Limit   float64    `json:"limit_seconds"`
}

// MarshalJSON writes the step, with what the address in its call stands for, and after
// how long it is given up with each of the answers.
func (s Step) MarshalJSON() ([]byte, error) {
	out := stepJSON{At: s.Pos, Process: s.Process.String(), Call: s.Call.String(), Address: words(s.Addr),
		Inner: allWords(s.Inner), Spec: s.Spec,
		Until: s.Until.Seconds(), Pending: s.Pending, Held: s.Held, Sender: s.Sender}
	if s.Run != nil {
		out.Run = &runJSON{Argv: s.Run.Argv, Background: s.Run.Background, FDs: s.Run.FDs}
		if s.Run.Stdout != nil {
			out.Run.Stdout = s.Run.Stdout.String()
		}
		if s.Run.Stderr != nil {
			out.Run.Stderr = s.Run.Stderr.String()
		}
	}
	for _, w := range s.Want {
		to := wantJSON{Answer: w.Answer.String(), Address: words(w.Addr), Inner: allWords(w.Inner), Spec: w.Spec,
			Limit: s.LimitFor(w.Answer).Seconds()}
		for _, one := range w.Or {
			to.Or, to.OrSpecs = append(to.Or, words(one.Addr)), append(to.OrSpecs, one.Spec)
		}
		if !slices.ContainsFunc(to.OrSpecs, func(s lab.Spec) bool { return s != "" }) {
			to.OrSpecs = nil
		}
		for _, v := range w.On {
			to.Linux = append(to.Linux, v.String())
		}
		if w.Has != nil {
			to.Has = w.Has.String()
		}
		out.Want = append(out.Want, to)
	}
	return marshal(out)
}

func allWords(all []netip.Addr) (texts []string) {
	for _, a := range all {
		texts = append(texts, a.String())
	}
	return texts
}

// words returns "" for an address that does not exist, where String says "invalid AddrPort".
func words(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
