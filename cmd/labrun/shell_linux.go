package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/kernel/local"
	"labrun/lab/plan"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/sys"
)

const afterUsage = "first run `EXPERIMENT` in that host, to its end or its first red step, and keep its sockets"

// shellCommand makes "labrun shell". What a report says can be doubted there with any program that
// the machine has: ip(8) and ss(8) show the same namespaces that the experiment ran in.
func shellCommand() *cobra.Command {
	var after string
	cmd := &cobra.Command{
		Use:   "shell FILE HOST",
		Short: "open a shell in a host; the lab is gone when it ends",
		Long: `shell builds the file's lab and opens $SHELL in one of its hosts. ip, ss, ping and
every other program there see the host's NICs and sockets; "connect" and "server" are
there too (labrun connect --help), in /usr/local/bin, which is read-only meanwhile, and
/etc/hosts has the file's names: x, peer.x, beta.x, beta. The lab, with all that was
started in it, is gone when the shell ends. For every other host that is up it prints the
nsenter command that enters it from another terminal, and with --after the sockets of all.

Files are the machine's, your own and no copies. After an experiment whose steps named
paths or ran programs, /tmp and /run are the lab's, as the experiment left them.

The prompt of bash, zsh, fish and sh names the lab and the host; they read your own
files as ever, and find both names in LABRUN_LAB and LABRUN_HOST.

    labrun shell topologies/dual-nic.yaml alpha
    labrun shell topologies/dual-nic.yaml alpha --after claim-1-established`,
		Args: args(2, 2, "a FILE and a HOST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return enter(cmd, args[0], args[1], after, nil)
		},
	}
	cmd.Flags().StringVar(&after, "after", "", afterUsage)
	return cmd
}

// execCommand makes "labrun exec", the shell for scripts: no prompt, no words of labrun's on
// standard output, and the status of the command as labrun's own.
func execCommand() *cobra.Command {
	var after string
	cmd := &cobra.Command{
		Use:   "exec FILE HOST COMMAND [ARG...]",
		Short: "run a command in a host, with its exit status passed through",
		Long: `exec builds the file's lab, runs a command in one of its hosts, and ends with the
command's exit status (128 and the signal when one ended it). What the command left
running ends with it. Files are the machine's; --after an experiment whose steps named
paths or ran programs, /tmp and /run are the lab's, so a script in the machine's /tmp is
not there: "labrun exec FILE HOST --after EXPERIMENT -- sh <script" reads it all the same.

Flags are before COMMAND; a "--" may stand there too.

    labrun exec topologies/dual-nic.yaml alpha ip -br address`,
		Args: args(3, math.MaxInt, "a FILE, a HOST and a COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return enter(cmd, args[0], args[1], after, args[2:])
		},
	}
	cmd.Flags().StringVar(&after, "after", "", afterUsage)
	return cmd
}

// enter builds a lab and runs a program in one of its hosts, a shell when there is
// no program. The names are looked up before labrun asks for privilege, which may start it
// anew in a user namespace: a mistyped host is told without one. The exit status of the
// program is passed through, as ssh(1) and env(1) do, so that scripts can use it.
func enter(cmd *cobra.Command, file, hostName, after string, argv []string) error {
	if err := privilegeToRead(true, file); err != nil {
		return err
	}
	t, h, err := loadHost(cmd, file, hostName)
	if err != nil {
		return err
	}
	var e *lab.Experiment
	var combo lab.Combo
	if after != "" {
		if e, combo, err = cellOf("--after", after, t); err != nil {
			return err
		}
		if !e.RunsOn(hostName) {
			return usagef("--after %s: that experiment does not run on %s, only on %s", after, hostName, list(e.Hosts))
		}
	}
	// Of an interactive program the terminal is shared: ^C and job control are the shell's.
	if err := privilege(true); err != nil {
		return err
	}
	ctx, stderr := untilSignal(), cmd.ErrOrStderr()
	up, err := labOf(ctx, stderr, t, e, combo, h, argv == nil)
	if err != nil {
		return err
	}
	defer up.done()
	var status int
	if argv == nil {
		status, err = up.shell(stderr, h, "", "the lab is gone when this shell ends")
	} else {
		program := up.program(h)
		program.Argv = argv
		status, err = program.Run(func(int) {})
	}
	if err != nil {
		return err
	}
	// Not an error of labrun's, so nothing is said: the program has told the user itself.
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// labOf returns a fresh lab, or one as an experiment left it. Then it says how that ended,
// and with sockets which there are on all hosts.
func labOf(ctx context.Context, stderr io.Writer, t *lab.Topology, e *lab.Experiment, combo lab.Combo,
	h *lab.Host, sockets bool) (*upLab, error) {
	if e == nil {
		l, err := fabric.Up(ctx, plan.New(&t.Layout))
		if err != nil {
			return nil, err
		}
		return freshLab(t, l), nil
	}
	version, err := sys.KernelVersion()
	if err != nil {
		return nil, err
	}
	m, kept, err := keep(ctx, version, t, e, combo, h.Name)
	if err != nil {
		return nil, err
	}
	up := keptLab(t, kept)
	if err := tell(ctx, stderr, &m, kept, sockets); err != nil {
		up.done()
		return nil, err
	}
	return up, nil
}

// keep asks one cell and keeps its lab.
func keep(ctx context.Context, version lab.KernelVersion, t *lab.Topology, e *lab.Experiment, combo lab.Combo,
	host string) (
	m result.Matrix, kept *local.Kept, err error) {
	k, err := local.New(nil)
	if err != nil {
		return m, nil, err
	}
	defer k.Close()
	on, err := run.Probe(ctx, k, version, t)
	if err != nil {
		return m, nil, err
	}
	q, err := question.Of(t, e, host)
	if err != nil {
		return m, nil, err
	}
	kept, answer := local.Keep(ctx, q, combo, on)
	if kept == nil {
		return m, nil, cmp.Or(answer.Err, errors.New(answer.Skip))
	}
	return run.MatrixOf(&result.Matrix{File: t.File, Name: t.Name}, e, combo, q, on, answer), kept, nil
}
