package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"labrun/lab/program"
)

// enterCommand makes "labrun enter", which is what a person types in place of the command with a process's number
// that "labrun up" prints.
func enterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "enter HOST [COMMAND...]",
		Short: "open a shell in a host of a lab that is up",
		Long: `enter opens $SHELL in a host of a lab that "labrun up" keeps, or runs a command there,
with the exit status of that. Of several labs that have such a host, LAB/HOST names one.
It needs nsenter(1), and what that needs: to be root, or the user who started the lab.

    labrun enter alpha
    labrun enter dual-nic/beta ip -br address`,
		Args: args(1, math.MaxInt, "a HOST, and perhaps a COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error { return enterHeld(cmd, args[0], args[1:]) },
	}
	cmd.Flags().SetInterspersed(false) // flags behind HOST are the command's
	return cmd
}

// heldProcess is a process that holds a host of a lab that is up.
type heldProcess struct {
	pid       int
	lab, host string
}

func (h heldProcess) String() string { return h.lab + "/" + h.host }

// heldProcesses finds the processes that hold hosts, in order of lab and host. There is no list of labs anywhere, since
// one that was killed would stay in it: what runs is asked.
func heldProcesses() ([]heldProcess, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []heldProcess
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		folder := filepath.Join("/proc", e.Name())
		line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil || !program.IsHold(line) {
			continue // it has ended, or is another program
		}
		environment, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil {
			continue // of another user
		}
		h := heldProcess{pid: pid}
		for _, v := range bytes.Split(environment, []byte{0}) {
			if name, ok := strings.CutPrefix(string(v), "LABRUN_LAB="); ok {
				h.lab = name
			}
			if name, ok := strings.CutPrefix(string(v), hostVar+"="); ok {
				h.host = name
			}
		}
		if h.host != "" {
			all = append(all, h)
		}
	}
	slices.SortFunc(all, func(a, b heldProcess) int {
		return cmp.Or(strings.Compare(a.lab, b.lab), strings.Compare(a.host, b.host), cmp.Compare(a.pid, b.pid))
	})
	return all, nil
}

// heldNamed returns the one process that holds the host of a name, HOST or LAB/HOST.
func heldNamed(name string) (heldProcess, error) {
	all, err := heldProcesses()
	if err != nil {
		return heldProcess{}, err
	}
	var names []string
	var found []heldProcess
	for _, h := range all {
		names = append(names, h.String(), h.host)
		if name == h.host || name == h.String() {
			found = append(found, h)
		}
	}
	switch {
	case len(all) == 0:
		return heldProcess{}, usagef("%s: no lab of yours is up; \"labrun up FILE\" keeps one", name)
	case len(found) == 0:
		names = unique(names)
		return heldProcess{}, usagef("%s: no lab that is up has such a host%s there are %s", name, meant(name, names),
			list(names))
	case len(found) > 1 && name == found[0].host && found[0].lab != found[len(found)-1].lab:
		var labs []string
		for _, h := range found {
			labs = append(labs, h.String())
		}
		return heldProcess{}, usagef("%s: several labs have such a host; name one of %s", name, list(unique(labs)))
	case len(found) > 1:
		return heldProcess{}, usagef("%s: several labs of that name are up; use the command that \"labrun up\" has printed",
			name)
	}
	return found[0], nil
}

// enterHeld runs a command where a process stands, the user's shell when there is no command.
func enterHeld(cmd *cobra.Command, name string, command []string) error {
	h, err := heldNamed(name)
	if err != nil {
		return err
	}
	words := []string{"-m", "-u", "-n", "-p", "-t", strconv.Itoa(h.pid)}
	if own, err := os.Readlink("/proc/self/ns/user"); err == nil {
		if theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", h.pid)); err == nil && theirs != own {
			// The user who made a user namespace may enter it, and no groups can be set there, user_namespaces(7).
			words = append([]string{"-U", "--preserve-credentials"}, words...)
		}
	}
	if len(command) == 0 {
		command = []string{cmp.Or(os.Getenv("SHELL"), "/bin/sh")}
	}
	c := exec.Command("nsenter", append(append(words, "--"), command...)...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, cmd.OutOrStdout(), cmd.ErrOrStderr()
	if f := fileOf(cmd.OutOrStdout()); f != nil {
		c.Stdout = f
	}
	c.Env = append(os.Environ(), "LABRUN_LAB="+h.lab, hostVar+"="+h.host)
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitStatus(exit.ExitCode())
	}
	return err
}

// offerHeld offers the hosts of labs that are up.
func offerHeld(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	all, err := heldProcesses()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []string
	for _, h := range all {
		for _, name := range []string{h.host, h.String()} {
			if strings.HasPrefix(name, begun) {
				offers = append(offers, name)
			}
		}
	}
	return unique(offers), cobra.ShellCompDirectiveNoFileComp
}
