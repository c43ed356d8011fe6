package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/kernel/local"
	"labrun/lab/question"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/session"
	"labrun/lab/syntax"
	"labrun/lab/sys"
	"labrun/lab/topology"
	"labrun/lab/why"
)

// conversation is "labrun try" without calls: it makes each call in a living lab as it is typed.
type conversation struct {
	*session.Session
	out, stderr io.Writer
	layout      *lab.Layout
	host        string
	version     lab.KernelVersion
	numbered    bool // lines keep the numbers that they have in the input: what is not a call is an empty one

	live    *local.Live
	lines   []string // calls, those with mistakes left out
	replies []replied
	saved   []string // the files that are this session's, which "save" may write again
	status  int      // of the worst that happened

	// interrupts has the ^C of a prompt, from its first line to its last: one that comes between a line and its call ends
	// that call too, and never labrun. nil from a pipe, where ^C is asked for while calls are made.
	interrupts chan os.Signal
}

// replied is a step that was made.
type replied struct {
	result.StepResult
	seen result.Snapshot
	line int // of the session that has it
}

// errQuit ends a conversation.
var errQuit = errors.New("quit")

// talkCommand is what a person may type beside calls.
type talkCommand struct {
	name, takes, doc string
	do               func(*conversation, context.Context, string) error
}

// talkCommands returns them in the order of "help". It is a function, since help itself is among them.
func talkCommands() []talkCommand {
	return []talkCommand{
		{"sockets", "", "the sockets of all hosts, and which process has them", (*conversation).sockets},
		{"explain", "[CALL]", "why the last call was answered so, or the last that begins so", (*conversation).explain},
		{"undo", "", "take the last call back: all before it are made again in a new lab", (*conversation).undo},
		{"save", "FILE", "write the calls with their answers to a new topology file", (*conversation).save},
		{"help", "[CALL]", "what there is to type, or how a call is written", (*conversation).help},
		{"quit", "", "end; so does ^D", func(*conversation, context.Context, string) error { return errQuit }},
	}
}

// begin builds the lab.
func (c *conversation) begin(ctx context.Context) (err error) {
	c.live, err = local.Begin(ctx, c.layout, c.host)
	return err
}

func (c *conversation) close() {
	if c.live != nil {
		_ = c.live.Close()
		c.live = nil
	}
}

// line carries out what was typed. An error ends the conversation; what is wrong with the line itself is told.
func (c *conversation) line(ctx context.Context, text string) error {
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	for _, command := range talkCommands() {
		if word != command.name || strings.HasPrefix(strings.TrimSpace(rest), "=") {
			continue
		}
		c.skip()
		if rest = strings.TrimSpace(rest); rest != "" && command.takes == "" {
			return c.mistake(usagef("%s takes nothing behind it", command.name))
		}
		return command.do(c, ctx, rest)
	}
	if !hasCall(text) {
		c.skip()
		return nil
	}
	if word == strings.TrimSpace(text) && isWord(word) {
		c.skip()
		near := meant(word, append(talkNames(), callNames()...))
		return c.mistake(usagef("%q is neither a call nor a command%s \"help\" says what there is", word, near))
	}
	return c.call(ctx, text)
}

func isWord(s string) bool { return !strings.ContainsAny(s, "(){}=:") }

func talkNames() []string {
	var names []string
	for _, command := range talkCommands() {
		names = append(names, command.name)
	}
	return names
}

func callNames() []string {
	var names []string
	for _, s := range lab.Signatures {
		names = append(names, s.Name)
	}
	return names
}

// skip counts a line that is not a call.
func (c *conversation) skip() {
	if c.numbered {
		c.lines = append(c.lines, "")
	}
}

// mistake tells what is wrong with a line that is not a call.
func (c *conversation) mistake(err error) error {
	c.status = max(c.status, exitOf(err))
	if c.numbered && len(c.lines) > 0 {
		err = fmt.Errorf("%s:%d:1: %w", stdinName, len(c.lines), err)
	}
	if !c.numbered {
		return c.say(c.stderr, "labrun: "+lab.VisibleLines(err.Error()))
	}
	complain(c.stderr, err)
	return nil
}

// say writes a line, on a terminal as wide as that, which would break words where its lines end.
func (c *conversation) say(w io.Writer, text string) error {
	if !c.numbered {
		text = strings.Join(fold(text, width(w)), "\n")
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// call makes a call, and prints the answer. A line with a mistake is left out.
func (c *conversation) call(ctx context.Context, text string) error {
	lines := append(slices.Clone(c.lines), text)
	t, err := c.Load(lines)
	var found topology.Diagnostics
	switch {
	case errors.As(err, &found):
		show(c.stderr, found)
		c.status = max(c.status, exitUsage)
		c.skip()
		return nil
	case err != nil:
		return err
	}
	show(c.stderr, c.Warnings(t, lines, len(lines)-1))
	replies, err := c.ask(ctx, t)
	if err != nil {
		return c.lost(ctx, err)
	}
	c.lines = lines
	for i := range replies {
		c.replies = append(c.replies, replies[i])
		if replies[i].Red {
			c.status = max(c.status, exitFailed)
		}
		if err := transcriptFor(c.out).Step(c.out, replies[i].StepResult, replies[i].seen); err != nil {
			return err
		}
	}
	return nil
}

// ask makes the last line's calls. ^C ends it.
func (c *conversation) ask(ctx context.Context, t *lab.Topology) ([]replied, error) {
	ctx, stop := c.untilInterrupt(ctx)
	defer stop()
	k, err := local.New(nil)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	on, err := run.Probe(ctx, k, c.version, t)
	if err != nil {
		return nil, err
	}
	e := t.Experiment(session.Experiment)
	q, err := question.Of(t, e, c.host)
	if err != nil {
		return nil, err
	}
	answers, err := c.live.Ask(ctx, q, on)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	row := result.NewRow(e, on)
	var got []string
	for _, r := range c.replies {
		got = append(got, r.Got)
	}
	var all []replied
	at := -1
	for step := range row.On("").Steps(0) {
		if at++; at < len(c.replies) {
			continue
		}
		a := answers[at-len(c.replies)]
		got = append(got, a.Got)
		if reason, ok := why.Of(q, 0, got, at, a.Seen.Sockets); ok && isErrno(a.Got) {
			a.Seen.Why = append(a.Seen.Why, reason.String())
		}
		all = append(all, replied{result.StepResult{RowStep: step, Got: a.Got, Red: a.Red}, a.Seen, c.Line(step.Line)})
	}
	return all, nil
}

// untilInterrupt returns a context that ^C cancels.
func (c *conversation) untilInterrupt(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.interrupts == nil {
		if signal.Ignored(os.Interrupt) { // when labrun was started, and stays so
			return context.WithCancel(ctx)
		}
		return signal.NotifyContext(ctx, os.Interrupt)
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-c.interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// isErrno reports whether an answer is an errno.
func isErrno(answer string) bool { return sys.MeaningOf(answer) != "" }

// lost tells why a call was not answered, and builds the lab anew: a process may be in the middle of the call.
func (c *conversation) lost(ctx context.Context, err error) error {
	if reason, skipped := local.SkipOf(err); skipped {
		if err := transcriptFor(c.out).Skip(c.out, c.Words(reason)); err != nil {
			return err
		}
	} else if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		_ = c.say(c.stderr, "stopped; the calls before this one are made again, in a new lab")
	} else {
		complain(c.stderr, errors.New(c.Words(err.Error())))
		c.status = max(c.status, exitError)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.skip()
	return c.replay(ctx)
}

// replay makes all calls again in a new lab, without a word.
func (c *conversation) replay(ctx context.Context) error {
	c.close()
	c.replies = nil
	if err := c.begin(ctx); err != nil {
		return err
	}
	if !slices.ContainsFunc(c.lines, func(l string) bool { return l != "" }) {
		return nil
	}
	t, err := c.Load(c.lines)
	if err != nil {
		return err
	}
	c.replies, err = c.ask(ctx, t)
	return err
}

// sockets lists the sockets of all hosts.
func (c *conversation) sockets(ctx context.Context, _ string) error {
	all, err := c.live.Sockets(ctx)
	if err != nil {
		return c.lost(ctx, err)
	}
	if len(all) == 0 {
		err = c.say(c.out, "no socket has a port or a name, on any host")
	}
	for _, s := range all {
		if err := c.say(c.out, s.String()); err != nil {
			return err
		}
	}
	return err
}

// explain says why a call was answered so.
func (c *conversation) explain(_ context.Context, begins string) error {
	for i := len(c.replies) - 1; i >= 0; i-- {
		r := c.replies[i]
		if !strings.HasPrefix(report.CallWords(r.RowStep), begins) {
			continue
		}
		if err := transcriptFor(c.out).Step(c.out, r.StepResult, r.seen); err != nil {
			return err
		}
		if !isErrno(r.Got) {
			_, err := fmt.Fprintln(c.out, "    nothing refused it")
			return err
		}
		if r.seen.IsZero() {
			_, err := fmt.Fprintln(c.out, "    no socket here is the reason")
			return err
		}
		return nil
	}
	if begins == "" {
		return c.mistake(usagef("explain: no call was made yet"))
	}
	return c.mistake(usagef("explain: no call begins with %s", strconv.Quote(begins)))
}

// undo takes the last call back, and says which that was.
func (c *conversation) undo(ctx context.Context, _ string) error {
	last := len(c.lines) - 1
	for last >= 0 && strings.TrimSpace(c.lines[last]) == "" {
		last--
	}
	if last < 0 {
		return c.mistake(usagef("undo: no call was made yet"))
	}
	taken := strings.TrimSpace(c.lines[last])
	if c.numbered {
		c.lines[last] = ""
	} else {
		c.lines = c.lines[:last]
	}
	if err := c.replay(ctx); err != nil {
		return err
	}
	return c.say(c.out, "taken back: "+lab.VisibleLines(taken))
}

// save writes the calls as a topology file.
func (c *conversation) save(_ context.Context, file string) error {
	if file == "" {
		return c.mistake(usagef("save takes a FILE, such as session.yaml"))
	}
	if !slices.Contains(c.saved, file) {
		if err := isFree(file); err != nil {
			return c.mistake(usagef("save %s: %w", file, err))
		}
	}
	if len(c.replies) == 0 {
		return c.mistake(usagef("save: no call was made yet"))
	}
	answers := session.Answers{Version: c.version, Lines: map[int]string{}, Red: map[int]bool{}}
	for _, r := range c.replies {
		answers.Lines[r.line] = r.Got
		answers.Red[r.line] = answers.Red[r.line] || r.Red
	}
	if err := keepSession(c.Session, file, c.lines, []session.Answers{answers}); err != nil {
		return c.mistake(fmt.Errorf("save %s: %w", file, err))
	}
	c.saved = append(c.saved, file)
	return c.say(c.out, fmt.Sprintf("%s: labrun %s runs it", file, fileArgument(file)))
}

// help says what there is to type, or how a call is written.
func (c *conversation) help(_ context.Context, call string) error {
	w := helpWriter{c.out, width(c.out)}
	if call == "" {
		w.text("A call is written as strace prints it: a = socket(tcp), bind(a, x:80). Its process stands before it, " +
			"unless that is main: second: b = socket(tcp), and on the peer peer/web: w = socket(tcp).")
		w.text("Calls: " + list(callNames()) + ".")
		w.text("Host " + c.host + ": " + nics(c.layout.Host(c.host)) + ".")
		for _, command := range talkCommands() {
			w.entry(strings.TrimSpace(command.name+" "+command.takes), command.doc)
		}
		return w.err()
	}
	name, _, _ := strings.Cut(call, "(")
	sig, ok := lab.SignatureOf(name)
	if !ok {
		return c.mistake(usagef("help: %q is not a call%s there are %s", name, meant(name, callNames()), list(callNames())))
	}
	w.text(sig.Doc)
	for _, example := range syntax.CallExamples(sig) {
		w.entry(example, "")
	}
	return w.err()
}

// helpWriter writes texts as wide as the terminal.
type helpWriter struct {
	out   io.Writer
	width int
}

func (w helpWriter) text(s string) {
	for _, line := range fold(s, w.width) {
		fmt.Fprintln(w.out, line)
	}
}

// entry writes a term and what it means.
func (w helpWriter) entry(term, meaning string) {
	const column = 18
	for i, line := range fold(meaning, max(w.width-column, 16)) {
		if i > 0 {
			term = ""
		}
		fmt.Fprintln(w.out, strings.TrimRight(fmt.Sprintf("  %-*s%s", column-2, term, line), " "))
	}
}

// err returns the error of standard output, which keeps its first.
func (w helpWriter) err() error {
	if first, ok := w.out.(*firstError); ok {
		return first.err
	}
	return nil
}
