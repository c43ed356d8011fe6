package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/session"
	"labrun/lab/syntax"
	"labrun/lab/sys"
	"labrun/lab/topology"
	"labrun/lab/why"
	"labrun/lab/wording"
)

// tryOptions are the flags of "labrun try".
type tryOptions struct {
	askOptions
	file string // whose hosts are taken; "" is the standard lab
	host string // the subject; "" is the first host
	keep string // the topology file to write; "" is none
	json bool
}

// tryCommand makes "labrun try". A person with one question about bind(2) has no file, and writes none before the
// first answer.
func tryCommand() *cobra.Command {
	var o tryOptions
	cmd := &cobra.Command{
		Use:   "try [CALL...]",
		Short: "ask the kernel a few calls, without a file",
		Long: `try makes calls in a lab of two hosts with two NICs each, and prints what the kernel
answers, with the sockets that explain an errno:

    labrun try 'a = socket(tcp)' 'bind(a, x:80)' \
        'b = socket(tcp)' 'bind(b, any:80)'

The calls are made on alpha, whose NICs have the addresses x and y; beta is its peer,
with peer.x and peer.y. A call is written as in a file ("labrun help calls"), and so is
its process: 'second: bind(b, x:80)', 'peer/web: w = socket(tcp)'. An argument may have
several lines. Whatever is answered is right, unless an answer stands behind the call:
'bind(b, any:80) = ok'.

Without calls try is a prompt, on which TAB completes and "help" lists what there is to
type; from a pipe it reads a call a line.

Exit status: 0 the kernel was asked, or lacks what a call needs, which is a skip, 1 it
answered otherwise than a call says, 2 bad usage or a mistake in a call, 3 a call could
not be made for another reason.`,
		RunE: func(cmd *cobra.Command, calls []string) error { return try(cmd, calls, o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "make the calls in the hosts of `FILE`, a topology")
	f.StringVar(&o.host, "host", "", "make the calls in the host `NAME` (default the first)")
	f.StringVar(&o.keep, "keep", "", "write the calls with their answers to `FILE`, a new topology file")
	f.BoolVar(&o.json, "json", false, "print a report in JSON, which \"labrun report\" and \"labrun rerun\" read")
	o.kernelFlags(f)
	return cmd
}

// try asks the calls of the command line, or those that are typed.
func try(cmd *cobra.Command, calls []string, o tryOptions) error {
	o.repeat = 1
	if o.keep != "" {
		if err := isFree(o.keep); err != nil {
			return usagef("--keep %s: %w", o.keep, err)
		}
	}
	lines := splitLines(calls)
	if len(calls) == 0 {
		return o.talk(cmd)
	}
	if !slices.ContainsFunc(lines, hasCall) {
		return usagef("try: %s has no call such as bind(a, x:80)", wording.Quote(strings.Join(lines, " ")))
	}
	if err := privilegeToRead(false, o.file); err != nil {
		return err
	}
	s, err := o.session(cmd, "try")
	if err != nil {
		return err
	}
	t, err := loadSession(cmd.ErrOrStderr(), s, lines)
	if err != nil {
		return err
	}
	if err := o.check([]*lab.Topology{t}); err != nil {
		return err
	}
	if err := o.privilege(); err != nil {
		return err
	}
	r, err := ask(untilSignal(), cmd.ErrOrStderr(), []*lab.Topology{t}, o.askOptions,
		run.Options{Hosts: o.hosts, Outputs: true}, nil)
	if err != nil {
		return err
	}
	if err := addReasons(t, &r); err != nil {
		return err
	}
	if err := printTry(cmd.OutOrStdout(), s, r, o.json); err != nil {
		return err
	}
	if o.keep != "" {
		if err := keepSession(s, o.keep, lines, answersIn(s, &r)); err != nil {
			return fmt.Errorf("--keep %s: %w", o.keep, err)
		}
	}
	switch {
	case r.Counts.Errors > 0:
		return exitStatus(exitError)
	case r.Counts.Failed > 0:
		return exitStatus(exitFailed)
	}
	return nil
}

// splitLines returns the lines of all arguments.
func splitLines(calls []string) []string {
	var lines []string
	for _, c := range calls {
		lines = append(lines, strings.Split(strings.TrimRight(c, "\n"), "\n")...)
	}
	return lines
}

// hasCall reports whether a line is more than space and a comment.
func hasCall(line string) bool {
	_, step, _ := topology.CutLine(line)
	return step != ""
}

// session returns a session in the hosts that the flags say.
func (o *tryOptions) session(cmd *cobra.Command, name string) (*session.Session, error) {
	t, err := standardTopology()
	if o.file != "" {
		var all []*lab.Topology
		if all, err = load(cmd, []string{o.file}); err == nil {
			t = all[0]
		}
	}
	if err != nil {
		return nil, err
	}
	names := hostNames([]*lab.Topology{t})
	if o.host == "" {
		o.host = t.Hosts[0].Name
	} else if !slices.Contains(names, o.host) {
		return nil, usagef("--host %s: no such host%s there are %s", o.host, meant(o.host, names), list(names))
	}
	s, err := session.New(name, topology.Source{File: t.File, Text: []byte(t.Source)}, o.host)
	o.hosts = []string{o.host}
	if err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

// loadSession reads the lines of a session, and shows their mistakes.
func loadSession(stderr io.Writer, s *session.Session, lines []string) (*lab.Topology, error) {
	t, err := s.Load(lines)
	var found topology.Diagnostics
	switch {
	case errors.As(err, &found):
		show(stderr, found)
		return nil, exitStatus(exitUsage)
	case err != nil:
		return nil, err
	}
	show(stderr, s.Warnings(t, lines, 0))
	return t, nil
}

// addReasons gives every errno of a report the reason why the kernel answered it.
func addReasons(t *lab.Topology, r *result.Report) error {
	m := &r.Matrices[0]
	for i := range m.Cells {
		c := &m.Cells[i]
		q, err := question.Of(t, t.Experiment(session.Experiment), m.HostOf(c))
		if err != nil {
			return err
		}
		note := cmp.Or(c.Note, &result.Note{})
		for step, reason := range why.Each(q, c.Combo, c.Answers(), note.Evidence) {
			if reason.Sentence == "" || !isErrno(c.Answers()[step]) {
				continue
			}
			at := slices.IndexFunc(note.Evidence, func(s result.Snapshot) bool { return s.Step == step })
			if at < 0 {
				at, note.Evidence = len(note.Evidence), append(note.Evidence, result.Snapshot{Step: step})
			}
			if text := reason.String(); !slices.Contains(note.Evidence[at].Why, text) { // a red step has it from the run
				note.Evidence[at].Why = append(note.Evidence[at].Why, text)
			}
			c.Note = note
		}
	}
	return nil
}

// printTry prints what the kernels answered.
func printTry(w io.Writer, s *session.Session, r result.Report, asJSON bool) error {
	if asJSON {
		return withoutWorkflowCommands(w, func() error { return report.JSON(w, r) })
	}
	// In the words of what was typed; the report itself goes with the text that it holds.
	m := &r.Matrices[0]
	m.Cells = slices.Clone(m.Cells)
	for i := range m.Cells {
		if n := m.Cells[i].Note; n != nil {
			note := *n
			note.Reason = s.Words(note.Reason)
			m.Cells[i].Note = &note
		}
	}
	return withoutWorkflowCommands(w, func() error { return transcriptFor(w).Write(w, r) })
}

// transcriptFor is how answers look there.
func transcriptFor(w io.Writer) report.Transcript {
	return report.Transcript{Text: textFor(w), Meaning: sys.MeaningOf}
}

// answersIn returns what the kernels of a report answered to the lines.
func answersIn(s *session.Session, r *result.Report) []session.Answers {
	m := &r.Matrices[0]
	var all []session.Answers
	for i := range m.Cells {
		c := &m.Cells[i]
		info := r.Environment.Kernel(m.Columns[c.Column].Kernel)
		a := session.Answers{Version: info.Number(), Lines: map[int]string{}, Red: map[int]bool{}}
		for _, step := range m.StepsOf(c) {
			line := s.Line(step.Line)
			a.Lines[line] = step.Got
			a.Red[line] = a.Red[line] || step.Red
		}
		all = append(all, a)
	}
	return all
}

// keepSession writes a session as a topology file, which is new.
func keepSession(s *session.Session, file string, lines []string, answers []session.Answers) error {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if syntax.TopologyName.Check(name) != "" {
		name = session.Experiment
	}
	text, err := s.File(name, lines, answers)
	if err != nil {
		return err
	}
	return writeFile(file, text)
}
