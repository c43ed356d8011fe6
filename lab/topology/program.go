package topology

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// programLimit is how long a program in the foreground may take, unless its limit says otherwise: one
// that waits for ever is an answer, "blocked", and not a run that hangs.
const programLimit = 10 * time.Second

// program reads a real program: {run: WORDS, as: web, background: true, ...}. It becomes a step
// whose call is called run, which no signature has, so that it is printed and shown as calls are.
// With until another step follows it, of a process of its own, which asks until the program is
// ready: no sleep would be long enough on every machine.
func (r *slotReader) program(raw *yaml.Node) {
	n, ok := r.fill(raw)
	if !ok {
		return
	}
	s := yamlpos.Scope{Outer: r.scope().String(), Inner: "this program"}
	keys, ok := r.Fields(n, s, "run", "as", "background", "until", "stdout", "stderr", "exit", "limit", "fds")
	if !ok {
		return
	}
	p := placedStep{Step: &syntax.Step{Known: true}, node: keys["run"].Value, with: r.with}
	p.process = lab.Process{Name: "program"}
	p.step = lab.Step{Run: &lab.Run{}, Limit: programLimit, Pos: r.Source.At(keys["run"].Pos)}
	p.step.Run.Argv = r.words(s, keys["run"].Value)
	if k, ok := keys["as"]; ok {
		if name, ok := r.Text(k.Value, s.String()+", as"); ok {
			p.process, _ = r.process(yamlpos.PosOf(k.Value), s, name)
		}
	}
	if k, ok := keys["limit"]; ok {
		p.step.Limit = cmp.Or(r.duration(k), programLimit)
	}
	if k, ok := keys["background"]; ok {
		p.step.Run.Background = r.Truth(k.Value, s.String()+", background")
	}
	if k, ok := keys["fds"]; ok {
		p.step.Run.FDs = r.fds(s, k)
	}
	r.finish(s, &p, keys)
	p.step.Process = p.process
	p.Call = lab.Call{Name: "run", Args: []lab.Arg{lab.Text(lab.Command(p.step.Run.Argv...))}}
	p.step.Call = p.Call
	p.step.Want = p.Want
	r.steps = append(r.steps, p)
	if k, ok := keys["until"]; ok {
		if !p.step.Run.Background {
			r.Complain(k.Pos, "%s: \"until\" needs \"background: true\"", s)
		}
		if _, err := time.ParseDuration(yamlpos.Deref(k.Value).Value); err == nil {
			r.Wrong(k.Value,
				"%s: \"until\" of a program is a call that waits for it, such as \"sockets(any:80) = LISTEN\"; limit is for a "+
					"time", s)
			return
		}
		by := maker{Process: lab.Process{Host: p.process.Host, Name: "until"}, limit: p.step.Limit, waits: true}
		r.call(by, k.Value, 0)
	}
}

// fds reads the sockets that a program is given: [w, web:w].
func (r *slotReader) fds(s yamlpos.Scope, e yamlpos.Entry) (all []lab.FD) {
	for _, item := range yamlpos.List(e.Value) {
		text, ok := r.Text(item, s.String()+", fds")
		if !ok {
			continue
		}
		fd := lab.ParseFD(text)
		if problem := cmp.Or(syntax.ProcessName.Check(fd.Process), syntax.SocketName.Check(fd.Sock)); problem != "" {
			r.Wrong(item, "%s, fds: a socket is written w, or web:w of another process than main: %s", s, problem)
			continue
		}
		all = append(all, fd)
	}
	return all
}

// finish reads how the program must end and what it must print. One in the background goes on while
// the next steps ask, so what it prints is not complete until wait() has seen its end.
func (r *slotReader) finish(s yamlpos.Scope, p *placedStep, keys map[string]yamlpos.Entry) {
	run := p.step.Run
	var end lab.Finish
	for _, key := range []string{"exit", "stdout", "stderr"} {
		k, ok := keys[key]
		switch {
		case !ok:
			continue
		case run.Background:
			r.Complain(k.Pos, "%s: a program in the background has not ended; wait(%s) = STATUS tells how it did", s,
				p.process.Name)
			continue
		}
		switch key {
		case "exit":
			status, _ := r.number(k.Value, s.String()+", exit", 0, 255)
			end.Status = int(status)
		case "stdout":
			run.Stdout = r.pattern(s, k)
			end.Stdout = run.Stdout.String()
		case "stderr":
			run.Stderr = r.pattern(s, k)
			end.Stderr = run.Stderr.String()
		}
	}
	answer := lab.Answer{Outcome: lab.OK}
	if !run.Background {
		answer.Value = end
	}
	p.Want = lab.Want{{Answer: answer}}
	p.WantsAt = []int{0}
}

// pattern reads a text, or a regular expression between slashes. A text with slashes around it, such
// as a path, has to be written as an expression.
func (r *slotReader) pattern(s yamlpos.Scope, e yamlpos.Entry) *lab.Pattern {
	n := yamlpos.Deref(e.Value)
	if n.Kind != yaml.ScalarNode {
		r.Wrong(n, "%s: %s must be a text or /a regular expression/, found %s", s, e.Key, yamlpos.Found(n))
		return &lab.Pattern{}
	}
	source, ok := strings.CutPrefix(n.Value, "/")
	if !ok || !strings.HasSuffix(source, "/") {
		return &lab.Pattern{Text: n.Value}
	}
	source = source[:len(source)-1]
	re, err := regexp.Compile(source)
	if err != nil {
		r.Wrong(n, "%s: %s: %s", s, e.Key, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return &lab.Pattern{Text: source, Regexp: re}
}

// shellWords mean something to a shell, when they stand alone and without quotes.
var shellWords = []string{"|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1", ">/dev/null", "2>/dev/null"}

// What else only a shell takes for more than its characters: a variable, a home folder,
// the output of a command, the end of one; and what sets a variable.
var (
	forShell   = once.Regexp("^\\$[A-Za-z_({]|^~(/|$)|`|.;$")
	assignment = once.Regexp(`^[A-Za-z_][A-Za-z0-9_]*=`)
)

// words reads the words of a command: a list, or a text that is taken apart as
// sh(1) would, without any expansion. No shell is started, which would be one more process with
// sockets and signals of its own, and whose behaviour is the machine's. What only a shell would do
// is a warning: "|" may be what a program is to get.
func (r *slotReader) words(s yamlpos.Scope, n *yaml.Node) []string {
	var words []string
	if n.Kind == yaml.SequenceNode {
		for _, item := range yamlpos.List(n) {
			if word, ok := r.Text(item, s.String()+", run"); ok {
				words = append(words, word)
			}
		}
	} else if text, ok := r.Text(n, s.String()+", run"); ok {
		var err error
		if words, err = lab.Words(text); err != nil {
			r.Wrong(n, "%s, run: %v", s, err)
			return nil
		}
		if i := strings.IndexFunc(text, yamlpos.LooksBlank); i >= 0 {
			r.Warn(yamlpos.PosOf(n), "%s: %U in this command looks like a blank, and does not part its words", s,
				[]rune(text[i:])[0])
		} else if i := strings.IndexAny(text, "“”‘’"); i >= 0 && !strings.ContainsAny(text, `'"`) {
			r.Warn(yamlpos.PosOf(n), "%s: %c is not a quote in a command; write ' or \"", s, []rune(text[i:])[0])
		}
		for _, w := range strings.Fields(text) {
			if slices.Contains(words, w) && (slices.Contains(shellWords, w) || forShell().MatchString(w)) {
				r.Warn(yamlpos.PosOf(n),
					"%s: no shell reads this command, so the program gets %s as an argument; for a shell write sh -c '...'%s", s,
					wording.Quote(w), map[bool]string{true: ", for a program that stays background: true"}[w == "&"])
				break
			}
		}
		if len(words) > 0 && (words[0] == "cd" || assignment().MatchString(words[0])) {
			r.Warn(yamlpos.PosOf(n), "%s: %s is for a shell to do, and no shell reads this command; write sh -c '...'", s,
				wording.Quote(words[0]))
		}
	}
	if len(words) == 0 || words[0] == "" {
		r.Wrong(n, "%s: run names no program", s)
	}
	return words
}
