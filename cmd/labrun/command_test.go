package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// TestExitOf tells what is wrong with a command line or a file from what is wrong with the
// machine.
func TestExitOf(t *testing.T) {
	for err, want := range map[error]int{
		errors.New("no such host"): exitUsage,
		fs.ErrNotExist:             exitUsage,
		syscall.EACCES:             exitUsage,
		syscall.EMFILE:             exitError,
		syscall.ENOMEM:             exitError,
		syscall.ENOSPC:             exitError,
		syscall.EDQUOT:             exitError,
		syscall.EIO:                exitError,
	} {
		err = usagef("--capture pcap: %w", &os.PathError{Op: "mkdir", Path: "pcap", Err: err})
		if got := exitOf(err); got != want {
			t.Errorf("%v: exit status %d, want %d", err, got, want)
		}
	}
}

// TestBeginning: what labrun does before any command begins is little, whatever tables and pages it has. Commands have
// about 4000 values in memory; the pages of the reference, which nobody asked for, were 400 000.
func TestBeginning(t *testing.T) {
	if n := testing.AllocsPerRun(1, func() { rootCommand() }); n > 20000 {
		t.Errorf("the commands are made with %v allocations", n)
	}
}
