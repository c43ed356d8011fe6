package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/record"
	"labrun/lab/sys"
	"labrun/lab/trace"
	"labrun/lab/wording"
)

// recordOptions are the flags of "labrun record".
type recordOptions struct {
	out   string
	file  string // whose hosts are taken; "" is the standard lab
	host  string // "" is the first one
	limit time.Duration
	ok    bool // expect of calls that failed that they succeed
}

// recordCommand makes "labrun record".
func recordCommand() *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use:   "record [-o FILE] -- PROGRAM [ARG...]",
		Short: "run a program in a host, and write the calls that it makes as a topology file",
		Long: `record runs a program in a host, and writes the calls about sockets that it and all of
its children and threads make, with what the kernel answered, as a topology file: a
bug of a server becomes an experiment, which labrun runs without the server.

    labrun record -o port.yaml -- sh -c 'python3 -m http.server & sleep 1
        python3 -m http.server'
    labrun port.yaml

What is recorded passes on the same kernel. With --expect-ok it is what the program
hoped for that is expected of bind, listen and connect: the run fails where the program
did, and says who was in its way.

The lab is that of "labrun try", alpha with x and y and its peer beta, or that of -f.
Recording ends with the program, by ^C, or after --for; what still runs ends then.
Files are the machine's, as with "labrun exec". FILE is a new one: none is replaced.

Processes are named after their programs, sockets a, b and so on. What a step cannot say
is a comment in the file, and told with the reason. Waiting for readiness (poll, epoll)
is left out: what came of it shows in the calls behind it.

Exit status: 0 the file is written, 2 bad usage or nothing was called, 3 it could not be
recorded.`,
		Args: args(1, math.MaxInt, "a PROGRAM"),
		RunE: func(cmd *cobra.Command, argv []string) error { return recordProgram(cmd, argv, o) },
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // behind the program flags are the program's
	f.StringVarP(&o.out, "output", "o", "", "write the topology to `FILE` instead of standard output")
	f.StringVarP(&o.file, "file", "f", "", "run the program in a host of `FILE`, a topology")
	f.StringVar(&o.host, "host", "", "the `HOST` that it runs in instead of the first one")
	f.BoolVar(&o.ok, "expect-ok", false, expectOKUsage)
	f.DurationVar(&o.limit, "for", 0, "end the recording after this `DURATION`, such as 5s")
	return cmd
}

// recordProgram builds the lab, runs the tracer in it as a program of the user's, and writes what it found.
func recordProgram(cmd *cobra.Command, argv []string, o recordOptions) error {
	if o.limit < 0 {
		return usagef("--for %s: a duration above zero is expected, such as 5s", o.limit)
	}
	t, err := standardTopology()
	if o.file != "" {
		var all []*lab.Topology
		if all, err = load(cmd, []string{o.file}); err == nil {
			t = all[0]
		}
	}
	if err != nil {
		return err
	}
	if o.host == "" {
		o.host = t.Hosts[0].Name
	}
	h := t.Host(o.host)
	if h == nil {
		names := hostNames([]*lab.Topology{t})
		return usagef("--host %s: no such host%s there are %s", o.host, meant(o.host, names), list(names))
	}
	if err := isFreeOutput(o.out); err != nil { // before the program runs in vain
		return err
	}
	if err := privilege(true); err != nil {
		return err
	}
	l, err := fabric.Up(untilSignal(), plan.New(&t.Layout))
	if err != nil {
		return err
	}
	up := freshLab(t, l)
	defer up.done()
	events, err := record.Events()
	if err != nil {
		return err
	}
	defer events.Close()
	p := up.program(h)
	p.Argv, p.Folder = record.Command(o.limit, argv), events
	interrupts := make(chan os.Signal, 1)
	sys.Notify(interrupts, unix.SIGINT)
	defer signal.Stop(interrupts)
	status, err := p.Run(func(pid int) {
		go func() {
			for range interrupts { // which the terminal sends to the program alone
				_ = unix.Kill(pid, unix.SIGTERM)
			}
		}()
	})
	if err != nil {
		return err
	}
	if _, err := events.Seek(0, io.SeekStart); err != nil {
		return err
	}
	seen, cut, err := record.Read(events)
	switch {
	case err != nil:
		return err
	case len(seen) == 0 && status != 0:
		return exitStatus(exitError) // the tracer has said why
	}
	m := trace.Import(seen, trace.Options{Layout: &t.Layout, Host: o.host})
	name := topologyName(o.out)
	if o.out == "" || o.out == "-" {
		name = "recorded"
	}
	if m.Carried == 0 {
		tellLeft(cmd.ErrOrStderr(), argv[0], m.Left)
		end := fmt.Sprintf("exit status %d", status)
		if cut {
			end = "labrun ended it"
		}
		return usagef("%s made no calls about sockets that can be written (%s)", argv[0], end)
	}
	if o.ok {
		m.ExpectSuccess()
	}
	said := fmt.Sprintf("%s of %s", count(m.Carried, "call"), wording.Count(len(m.Programs), "process"))
	d := m.File(name, "Recorded: "+lab.VisibleLines(lab.Command(argv...)))
	return writeDraft(cmd, d, argv[0], o.out, m.Left, said)
}
