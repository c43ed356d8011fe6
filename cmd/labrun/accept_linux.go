package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/accept"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/topology"
)

// accepted is what came of asking kernels for the answers of files.
type accepted struct {
	*accept.Decision
	before map[string]string // the files as they were read
	last   map[string]result.Counts
}

// areFiles finds arguments that can be run and not written.
func areFiles(paths []string) error {
	for _, p := range paths {
		if p == "-" {
			return usagef("--accept writes into files, and - is standard input")
		}
		_, err := os.Lstat(p)
		if _, isLesson := lessonNamed(p); isLesson && errors.Is(err, fs.ErrNotExist) {
			return usagef("--accept writes into files, and %s is a lesson of labrun; \"labrun init --from %[1]s FILE\" makes it one", p)
		}
	}
	return nil
}

// runAccept runs the files as they are, prints that report, and writes the kernels' answers into the files. A red cell
// ends at its red step, so it asks again what has changed until no answer differs; no file is written before.
func runAccept(ctx context.Context, cmd *cobra.Command, topologies []*lab.Topology, o runOptions) error {
	first, reported := runOnce(ctx, cmd, topologies, o)
	var status exitStatus
	if reported != nil && !errors.As(reported, &status) {
		return reported
	}
	again := func(edited []*lab.Topology, only func(*lab.Experiment, lab.Combo) bool) (result.Report, error) {
		this := o.askOptions
		this.pause = false
		if err := this.check(edited); err != nil {
			return result.Report{}, err
		}
		return ask(ctx, cmd.ErrOrStderr(), edited, this, run.Options{Only: only, Hosts: this.hosts}, nil)
	}
	a, err := acceptAnswers(topologies, first, o.selects(), again)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		complain(cmd.ErrOrStderr(), fmt.Errorf("--accept: %w; nothing is written", context.Cause(ctx)))
		return exitStatus(exitError)
	}
	return a.finish(ctx, cmd, o.yes, first)
}

// acceptAnswers decides what files are to say after a first run of them, and asks again what that changes. Each turn
// either knows a step that the one before did not reach or leaves a place alone, so they come to an end.
func acceptAnswers(topologies []*lab.Topology, first result.Report, chosen func(*lab.Experiment, lab.Combo) bool,
	again func([]*lab.Topology, func(*lab.Experiment, lab.Combo) bool) (result.Report, error)) (*accepted, error) {
	a := &accepted{before: map[string]string{}, last: map[string]result.Counts{}}
	var files []*topology.Written
	for _, t := range topologies {
		w, err := topology.LoadWritten(topology.Source{File: t.File, Text: append([]byte{}, t.Source...), Included: t.Included})
		if err != nil {
			return nil, err
		}
		files = append(files, w)
		a.before[w.File] = w.Source
		for _, i := range w.Included {
			a.before[i.File] = i.Text
		}
	}
	session := accept.New(files)
	session.Add(first, files, nil)
	a.note(first)
	for {
		d, err := session.Decide()
		if err != nil {
			return nil, err
		}
		anew := d.Anew(a.Decision)
		a.Decision = d
		if anew == nil {
			return a, nil
		}
		edited, err := session.With(d.Texts)
		if err != nil {
			return nil, err
		}
		var some []*lab.Topology // of which an experiment is asked again
		names := map[*lab.Experiment]bool{}
		for i, w := range edited {
			for name := range anew[i] {
				names[w.Experiment(name)] = true
			}
			if len(anew[i]) > 0 {
				some = append(some, w.Topology)
			}
		}
		r, err := again(some, func(e *lab.Experiment, c lab.Combo) bool { return names[e] && (chosen == nil || chosen(e, c)) })
		if err != nil {
			return nil, err
		}
		session.Add(r, edited, d)
		a.note(r)
	}
}

// note keeps what the experiments of a report came to last.
func (a *accepted) note(r result.Report) {
	counts := map[string]result.Counts{}
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for j := range m.Cells {
			name := m.File + "\x00" + m.Rows[m.Cells[j].Row].Name
			c := counts[name]
			c.Count(m.Cells[j].Verdict)
			counts[name] = c
		}
	}
	maps.Copy(a.last, counts)
}

// finish shows the diff and writes the files, if it is to. The exit status is that of a run of the files as they are
// then.
func (a *accepted) finish(ctx context.Context, cmd *cobra.Command, yes bool, first result.Report) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	for _, l := range a.Left {
		fmt.Fprintln(stderr, lab.VisibleLines(l.String()))
	}
	var sum result.Counts
	for _, c := range a.last {
		sum.Add(c)
	}
	names := slices.Sorted(maps.Keys(a.Texts))
	fmt.Fprintln(stdout)
	for _, name := range names {
		if err := writeUnified(stdout, name, []byte(a.before[name]), name+" (accepted)", []byte(a.Texts[name])); err != nil {
			return err
		}
	}
	fmt.Fprintln(stdout, a.summary(first))
	if len(names) > 0 {
		switch write, err := mayWrite(ctx, cmd, yes); {
		case err != nil:
			return err
		case !write:
			return exitStatus(exitFailed)
		}
		var errs []error
		for _, name := range names {
			if err := writeText(name, []byte(a.before[name]), []byte(a.Texts[name])); err != nil {
				errs = append(errs, err)
				continue
			}
			fmt.Fprintln(stdout, name)
		}
		if len(errs) > 0 {
			return errors.Join(errs...)
		}
	}
	switch {
	case sum.Errors > 0:
		return exitStatus(exitError)
	case sum.Failed > 0:
		return exitStatus(exitFailed)
	}
	return nil
}

// summary says in a line what the files would get, what is left, and which cells had no say.
func (a *accepted) summary(first result.Report) string {
	words := []string{"nothing to accept"}
	if len(a.Texts) > 0 {
		words = []string{count(a.Answers, "answer") + " in " + count(len(a.Texts), "file")}
	}
	if n := len(a.Left); n > 0 {
		words = append(words, count(n, "place")+" left as "+map[bool]string{true: "it is", false: "they are"}[n == 1])
	}
	if n := first.Counts.Skipped; n > 0 {
		words = append(words, count(n, "cell")+" skipped")
	}
	if n := first.Counts.Errors; n > 0 {
		words = append(words, count(n, "cell")+" not asked")
	}
	return strings.Join(words, ", ")
}

// mayWrite asks whether to write the files. Where there is no terminal to ask on, only --yes is a yes.
func mayWrite(ctx context.Context, cmd *cobra.Command, yes bool) (bool, error) {
	if yes {
		return true, nil
	}
	stdin, isFile := cmd.InOrStdin().(*os.File)
	if !isFile || !isTerminal(stdin) || !terminal(cmd.ErrOrStderr()) {
		complain(cmd.ErrOrStderr(), errors.New("nothing is written: there is no terminal to ask on, and --yes writes without asking"))
		return false, nil
	}
	fmt.Fprint(cmd.ErrOrStderr(), "write? [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdin).ReadString('\n') // an end is no yes
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(cmd.ErrOrStderr())
		return false, nil
	case line := <-answer:
		return line == "y" || line == "yes", nil
	}
}

// writeText puts a new text in the place of a file that still has the old one: whole or not at all, under the same
// name, links followed, with the mode and the owner that the file has. Where a new file could not have these, the old
// one gets the text, and what it had when that fails half-way.
func writeText(name string, before, after []byte) error {
	fail := func(err error) error { return fmt.Errorf("%s is not written: %w", name, err) }
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fail(err)
	}
	old, err := os.OpenFile(target, os.O_RDWR, 0) // a file that may not be written is not to be replaced
	if err != nil {
		return fail(err)
	}
	defer old.Close()
	info, err := old.Stat()
	if err != nil {
		return fail(err)
	}
	if !info.Mode().IsRegular() {
		return fail(errors.New("it is not a regular file"))
	}
	if now, err := io.ReadAll(old); err != nil || !bytes.Equal(now, before) {
		return fail(cmp.Or(err, errors.New("it has changed since it was read; run again")))
	}
	inPlace := func() error { return formattedFile{target, before, after}.write() }
	out, err := nameless(target)
	if errors.Is(err, fs.ErrPermission) {
		return inPlace() // the folder takes no new file
	}
	if err != nil {
		return fail(err)
	}
	defer out.Close()
	if owner := info.Sys().(*syscall.Stat_t); out.Chown(int(owner.Uid), int(owner.Gid)) != nil {
		return inPlace() // a new file would have another owner, or group
	}
	steps := []func() error{
		func() error { _, err := out.Write(after); return err },
		func() error { return out.Chmod(info.Mode()) }, // after chown(2), which takes set-id bits away
		out.Sync,
		func() error { return nameIt(out, target) },
		func() error { return os.Chmod(target, info.Mode()) }, // of a copy, where the file system has no files without a name
	}
	if err := inTurn(steps...); err != nil {
		return fail(err)
	}
	return nil
}
