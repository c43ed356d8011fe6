package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"labrun/lab"
	"labrun/lab/kernel/local"
	"labrun/lab/sys"
)

// talk is "labrun try" without calls: on a terminal it prompts for them, and from a pipe it reads one a line.
func (o *tryOptions) talk(cmd *cobra.Command) error {
	switch {
	case len(o.kernels)+len(o.kernelsFrom) > 0:
		return usagef("--kernel: the prompt asks this machine's kernel alone; several are asked calls that are given as " +
			"arguments")
	case o.json:
		return usagef("--json: a report is about calls that are given as arguments")
	case o.file == "-":
		return usagef("-f -: the calls come from standard input; give them as arguments, or name a file")
	}
	prompts := terminal(os.Stdin) && terminal(cmd.OutOrStdout())
	name := stdinName
	if prompts {
		name = "try"
	}
	s, err := o.session(cmd, name)
	if err != nil {
		return err
	}
	// ^C is the prompt's, or a call's that waits.
	if err := privilege(prompts); err != nil {
		return err
	}
	ctx := context.Background()
	if !prompts {
		ctx = untilSignal()
	}
	t, err := s.Load([]string{"a = socket(tcp)"}) // any: for the layout
	if err != nil {
		return err
	}
	_, version, err := local.Info(ctx)
	if err != nil {
		return err
	}
	c := &conversation{Session: s, out: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(), layout: &t.Layout, host: o.host,
		version: version, numbered: !prompts}
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.close()
	read := lineReader(bufio.NewReader(os.Stdin))
	if prompts {
		e := newEditor(c)
		defer e.close()
		read = e.read
		e.greet()
	}
	for {
		text, err := read()
		if err == nil {
			err = c.line(ctx, text)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errQuit):
			if o.keep != "" {
				if err := c.save(ctx, o.keep); err != nil {
					return err
				}
			}
			if c.status != 0 && !prompts {
				return exitStatus(c.status)
			}
			return nil
		case err != nil:
			return err
		}
	}
}

// lineReader reads lines, of which the last may lack its end.
func lineReader(r *bufio.Reader) func() (string, error) {
	return func() (string, error) {
		text, err := r.ReadString('\n')
		if err == io.EOF && text != "" {
			err = nil
		}
		return strings.TrimRight(text, "\r\n"), err
	}
}

// editor reads lines from a terminal, with completion and a history.
//
// The terminal is in raw mode while a line is edited and not while a call is made: ^C is a key of the line then, and
// a signal that ends the wait of a call otherwise. golang.org/x/term does the editing: it is kept by those who keep
// Go, and needs no other module.
type editor struct {
	c       *conversation
	term    *term.Terminal
	history *history
	signals chan os.Signal
	raw     *term.State // the terminal's own state while it is in raw mode
	asked   string      // the line on which TAB had nothing to add: the next one lists the offers
}

const promptWords = "labrun> "

func newEditor(c *conversation) *editor {
	e := &editor{c: c, history: openHistory()}
	e.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys{os.Stdin}, fileOf(c.out)}, promptWords)
	e.term.History = e.history
	e.term.AutoCompleteCallback = e.complete
	c.interrupts = make(chan os.Signal, 1)
	sys.Notify(c.interrupts, os.Interrupt)
	e.signals = make(chan os.Signal, 1)
	sys.Notify(e.signals, unix.SIGTERM, unix.SIGHUP)
	go func() {
		s, ok := <-e.signals
		if !ok {
			return
		}
		e.cook() // the shell gets the terminal as it was
		os.Exit(128 + int(s.(unix.Signal)))
	}()
	return e
}

func (e *editor) close() {
	signal.Stop(e.signals)
	signal.Stop(e.c.interrupts)
	e.history.close()
}

// greet says where the calls are made.
func (e *editor) greet() {
	w := helpWriter{e.c.out, width(e.c.out)}
	w.text("Calls are made on " + e.c.host + ": " + nics(e.c.layout.Host(e.c.host)) + ".")
	if peer := e.c.layout.Peer(e.c.host); peer != "" {
		w.text("Its peer is " + peer + ". TAB completes, help says what there is to type, ^D ends.")
	}
}

// read edits a line.
func (e *editor) read() (string, error) {
	fd := int(os.Stdin.Fd())
	var err error
	if e.raw, err = term.MakeRaw(fd); err != nil {
		return "", err
	}
	defer e.cook()
	if w, h, err := term.GetSize(fd); err == nil && w > 0 {
		_ = e.term.SetSize(w, h) // draws nothing while there is no line
	}
	e.asked = ""
	select {
	case <-e.c.interrupts: // it came too late for the call before
	default:
	}
	text, err := e.term.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	if err == io.EOF {
		fmt.Fprint(e.c.out, "\r\n")
	}
	return text, err
}

func (e *editor) cook() {
	if e.raw != nil {
		_ = term.Restore(int(os.Stdin.Fd()), e.raw)
		e.raw = nil
	}
}

// complete completes the word before the cursor on TAB; a second TAB lists what there is.
func (e *editor) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		e.asked = ""
		return "", 0, false
	}
	at, offers := e.offers(line[:pos])
	if len(offers) == 0 {
		return line, pos, true
	}
	common := offers[0]
	for _, o := range offers {
		for !strings.HasPrefix(o, common) {
			common = common[:len(common)-1]
		}
	}
	switch {
	case strings.HasPrefix(common, line[at:pos]) && len(common) > pos-at || len(offers) == 1:
		return line[:at] + common + line[pos:], at + len(common), true
	case e.asked == line[:pos]:
		_, _ = e.term.Write([]byte(inColumns(offers, width(e.c.out))))
	}
	e.asked = line[:pos]
	return line, pos, true
}

// offers returns what may stand for the last word of what was typed.
func (e *editor) offers(begun string) (at int, offers []string) {
	word, rest, more := strings.Cut(begun, " ")
	switch {
	case more && word == "save":
		files, _ := filepath.Glob(rest + "*")
		return len(word) + 1, files
	case more && word == "help":
		for _, name := range callNames() {
			if strings.HasPrefix(name, rest) {
				offers = append(offers, name)
			}
		}
		return len(word) + 1, offers
	}
	at, offers = e.c.Complete(e.c.layout, e.c.lines, begun)
	for _, command := range talkCommands() {
		if at == 0 && strings.HasPrefix(command.name, begun) {
			if command.takes != "" {
				command.name += " "
			}
			offers = append(offers, command.name)
		}
	}
	slices.Sort(offers)
	return at, slices.Compact(offers)
}

// inColumns lists words below each other in as many columns as a terminal has room for.
func inColumns(words []string, width int) string {
	widest := 0
	for _, w := range words {
		widest = max(widest, len(w)+2)
	}
	columns := max(width/widest, 1)
	rows := (len(words) + columns - 1) / columns
	var b strings.Builder
	for r := range rows {
		line := ""
		for i := r; i < len(words); i += rows {
			line += fmt.Sprintf("%-*s", widest, words[i])
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// keys reads what is typed. ^C takes back the line that is edited, as in a shell; the editor would end with it.
type keys struct{ r io.Reader }

// takeBack is what ^C is read as: to the end of the line, delete all before that, enter.
const takeBack = "\x05\x15\r"

func (k keys) Read(b []byte) (int, error) {
	n, err := k.r.Read(b[:max(1, len(b)/len(takeBack))])
	text := strings.ReplaceAll(string(b[:n]), "\x03", takeBack)
	return copy(b, text), err
}

// history is what was typed before, in a file of the user's: it is of use after months. Where the file cannot be had
// it is that of this conversation, since nobody asked for it.
type history struct {
	lines []string
	file  *os.File // nil is none
}

// mostHistory bounds the lines of the file.
const mostHistory = 1000

// historyFile returns the name of the file, by the XDG Base Directory Specification.
func historyFile() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "labrun", "try_history"), nil
}

func openHistory() *history {
	h := &history{}
	name, err := historyFile()
	if err != nil || os.MkdirAll(filepath.Dir(name), 0o700) != nil {
		return h
	}
	if text, err := os.ReadFile(name); err == nil && len(text) > 0 {
		h.lines = strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	}
	how := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if len(h.lines) > mostHistory {
		h.lines = h.lines[len(h.lines)-mostHistory/2:]
		how |= os.O_TRUNC
	}
	if h.file, err = os.OpenFile(name, how, 0o600); err != nil {
		h.file = nil
		return h
	}
	if how&os.O_TRUNC != 0 {
		_, _ = h.file.WriteString(strings.Join(h.lines, "\n") + "\n")
	}
	return h
}

func (h *history) close() {
	if h.file != nil {
		_ = h.file.Close()
	}
}

// Add keeps a line, unless it is empty or the last one again.
func (h *history) Add(line string) {
	line = lab.VisibleLines(strings.TrimSpace(line))
	if line == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if h.file != nil {
		_, _ = h.file.WriteString(line + "\n")
	}
}

// Len returns how many lines there are.
func (h *history) Len() int { return len(h.lines) }

// At returns a line, 0 the last one.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }
