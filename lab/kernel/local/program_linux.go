package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/program"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/sys"
)

// program runs a real program, to its end unless it is one for the background.
func (c *cell) program(ctx context.Context, who lab.Process, s *question.Step) (got, error) {
	if pkg, missing := program.Missing(s.Run.Argv); missing {
		if c.noFiles != "" {
			return got{}, errSkip(c.q.Place(s) + ": " + s.Run.Argv[0] + " is not in the guest: " + c.noFiles)
		}
		why := c.q.Place(s) + ": " + s.Run.Argv[0] + " is not installed"
		if pkg != "" {
			why += "; on Debian it is in the package " + pkg
		}
		return got{}, errSkip(why)
	}
	spec := program.Spec{
		Name: who.String(), In: c.lab.Host(who.Host).Do, Hostname: who.Host, Argv: s.Run.Argv,
		Hosts: question.HostsFile(c.q.Layout, who.Host, c.q.Host, c.isUp), Dir: c.dir(),
		Env:    []string{"LABRUN_LAB=" + c.q.Layout.Name, "LABRUN_HOST=" + who.Host},
		Shared: fabric.SharedSysctls(),
	}
	if u := c.q.UserOf(who); u != nil {
		spec.User = u.User
	}
	var err error
	if spec.Files, err = c.sharedFiles(); err != nil {
		return got{}, err
	}
	for _, fd := range s.Run.FDs {
		giver := c.processes[lab.Process{Host: who.Host, Name: fd.Process}]
		if giver == nil {
			return got{}, fmt.Errorf("process %s does not exist", fd.Process)
		}
		sock, err := giver.Hand(ctx, fd.Sock)
		if err != nil {
			return got{}, c.noGetfd(s, err)
		}
		defer sock.Close()
		spec.Sockets = append(spec.Sockets, sock)
	}
	c.lab.Spoil()
	running, err := spec.Start()
	if answer, _ := sys.AnswerOf(err); answer.Errno == "ENOSYS" {
		return got{}, errSkip(fmt.Sprintf("%s: this kernel lacks what a program is shown its files with: %v", c.q.Place(s), err))
	}
	if err != nil {
		return got{}, err
	}
	if old := c.programs[who]; old != nil { // it has ended, and its name is free
		if err := old.Close(); err != nil {
			return got{}, err
		}
	} else {
		c.ran = append(c.ran, who)
	}
	c.programs[who] = running
	if s.Run.Background {
		return got{Answer: lab.Answer{Outcome: lab.OK}}, nil
	}
	status, ended, err := running.Wait(ctx, c.slowed(s.LimitOr(), s.On(c.on).Answer))
	if err != nil {
		return got{}, err
	}
	if !ended {
		return got{Answer: lab.Answer{Outcome: lab.Blocked}}, nil
	}
	finish := lab.Finish{Status: status}
	stdout, stderr := running.Output()
	if s.Run.Stdout != nil {
		finish.Stdout = quoted(stdout)
	}
	if s.Run.Stderr != nil {
		finish.Stderr = quoted(stderr)
	}
	return got{Answer: lab.Answer{Outcome: lab.OK, Value: finish}}, nil
}

// quoted shows the beginning of an output in one line; the end stands below it in the
// report, and all of it in the JSON.
func quoted(output string) string {
	const most = 100
	if len(output) <= most {
		return strconv.Quote(output)
	}
	return fmt.Sprintf("%q and %d bytes more", output[:most], len(output)-most)
}

// dir returns the folder of the topology's file, where its programs begin: / when
// it is not there, as it may be when the text comes from a report.
func (c *cell) dir() string {
	dir := c.folder
	if dir == "" {
		var err error
		if dir, err = filepath.Abs(filepath.Dir(c.q.File)); err != nil {
			return "/"
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "/"
	}
	return dir
}

// programMatches reports whether a program ended as it should.
func (c *cell) programMatches(s *question.Step, g got) bool {
	if s.Run.Background {
		return g.Outcome == lab.OK
	}
	finish, ok := g.Value.(lab.Finish)
	want, _ := s.On(c.on).Answer.Value.(lab.Finish)
	if !ok || finish.Status != want.Status {
		return false
	}
	stdout, stderr := c.programs[s.Process].Output()
	return s.Run.Stdout.Match(stdout) && s.Run.Stderr.Match(stderr)
}

// wait waits for the end of a program in the background.
func wait(ctx context.Context, c *cell, s *question.Step, want question.Want) (got, error) {
	running := c.programs[childOf(s)]
	if running == nil {
		return got{}, fmt.Errorf("program %s does not exist", childOf(s))
	}
	status, ended, err := running.Wait(ctx, c.slowed(s.LimitOr(), want.Answer))
	switch {
	case err != nil:
		return got{}, err
	case !ended:
		return got{Answer: lab.Answer{Outcome: lab.Blocked}}, nil
	}
	return got{Answer: lab.Answer{Outcome: lab.OK, Value: lab.Int(status)}}, nil
}

// takeSocket gives the process a socket of a program in the background.
func takeSocket(ctx context.Context, c *cell, s *question.Step, _ question.Want) (g got, err error) {
	p, err := c.caller(s)
	if err != nil {
		return got{}, err
	}
	running := c.programs[childOf(s)]
	if running == nil {
		return got{}, fmt.Errorf("program %s does not exist", childOf(s))
	}
	sock, err := running.Socket(int(s.Call.Args[1].(lab.Int)))
	if err != nil {
		a, ok := sys.AnswerOf(err)
		if ok && a.Errno != "ENOSYS" {
			return got{Answer: a}, nil
		}
		return got{}, c.noGetfd(s, err)
	}
	defer sock.Close()
	return got{Answer: lab.Answer{Outcome: lab.OK}}, p.Take(ctx, s.Call.Makes, sock)
}

// noGetfd makes a skip of the error of a kernel before 5.6, which lacks the call.
func (c *cell) noGetfd(s *question.Step, err error) error {
	if a, ok := sys.AnswerOf(err); ok && a.Errno == "ENOSYS" {
		return errSkip(c.q.Place(s) + ": this kernel lacks pidfd_getfd(2)")
	}
	return err
}

// outputs returns what the cell's programs have printed so far.
func (c *cell) outputs() []result.Output {
	if c.room == nil {
		return nil
	}
	var all []result.Output
	for _, who := range c.ran {
		all = append(all, c.outputOf(who))
	}
	return all
}

// outputOf returns what a program has printed so far.
func (c *cell) outputOf(who lab.Process) result.Output {
	o := result.Output{Process: who.String()}
	o.Stdout, o.Stderr = c.programs[who].Output()
	if status, ended := c.programs[who].Ended(); ended {
		o.Status = &status
	}
	return o
}

// printed returns what the program of a step has printed, when that is asked for: one that the step has run and not
// left in the background, or has waited for. The next one of its name takes its place in outputs.
func (c *cell) printed(s *question.Step) *result.Output {
	who := s.Process
	switch {
	case !c.prints || s.Run != nil && s.Run.Background:
		return nil
	case s.Call.Name == "wait":
		who = childOf(s)
	case s.Run == nil:
		return nil
	}
	if c.programs[who] == nil {
		return nil
	}
	o := c.outputOf(who)
	return &o
}
