package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/program"
)

// upCommand makes "labrun up". A shell of labrun's ends its lab; this is for labs that several
// terminals, or a debugger, or a program in an editor are to enter, none of which owns it.
func upCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "up FILE",
		Short: "keep a lab up, to enter its hosts from other terminals",
		Long: `up builds the file's lab and keeps it until ^C. For every host it prints the nsenter
command that enters it ("labrun enter HOST" does the same): its network, with its name and its /etc/hosts, and processes
of its own. All that was started in there is gone with the lab, however that ends.

    labrun up topologies/dual-nic.yaml`,
		Args: args(1, 1, "a FILE"),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := privilegeToRead(false, files...); err != nil {
				return err
			}
			topologies, err := load(cmd, files)
			if err != nil {
				return err
			}
			if err := privilege(false); err != nil {
				return err
			}
			return up(cmd.OutOrStdout(), cmd.ErrOrStderr(), topologies[0])
		},
	}
}

// up holds a lab until a signal. A lab has no name that another program could enter it by,
// so each host has a process that holds it, and its number is printed. Where one is killed
// the commands that were printed would enter nothing, so that is the end.
func up(stdout, stderr io.Writer, t *lab.Topology) (err error) {
	ctx := untilSignal()
	p := plan.New(&t.Layout)
	need := fabric.NeedOf(p, len(t.Hosts))
	if err := need.Check(); err != nil {
		return err
	}
	if note := need.Note(); note != "" {
		fmt.Fprintf(stderr, "labrun: note: %s\n", note)
	}
	l, err := fabric.Up(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	fresh := freshLab(t, l)
	dead := make(chan string, len(t.Hosts))
	holds := make([]*program.Hold, len(t.Hosts))
	for i := range t.Hosts {
		h := &t.Hosts[i]
		held, err := fresh.program(h).Hold()
		if err != nil {
			return err
		}
		defer held.Close()
		holds[i] = held
		go func() {
			<-held.Ended()
			dead <- h.Name
		}()
	}
	// In one piece: a script waits for the last line and then reads the commands.
	w := bufio.NewWriter(stdout)
	for i := range t.Hosts {
		h := &t.Hosts[i]
		fmt.Fprintf(w, "%s: %s\n    %s\n", h.Name, nics(h), nsenter(holds[i].PID))
	}
	fmt.Fprintf(w, "%s is up: these commands enter its hosts from another terminal, ^C ends it\n", t.Name)
	if err := w.Flush(); err != nil {
		return err
	}
	// ^C is how this is meant to end: a status of 0.
	select {
	case <-ctx.Done():
		return nil
	case name := <-dead:
		return fmt.Errorf("the process that holds host %s was killed", name)
	}
}
