package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func say(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// names returns what is in a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// TestOutputReplaces looks at a report all the time while others take its place: one
// is always there, and whole.
func TestOutputReplaces(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "report.json")
	write(t, name, strings.Repeat("0", 1000))
	stop, seen := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			b, err := os.ReadFile(name)
			if err != nil || len(b) != 1000 || strings.Trim(string(b), string(b[:1])) != "" {
				seen <- fmt.Errorf("%d bytes, %v", len(b), err)
				return
			}
			select {
			case <-stop:
				seen <- nil
				return
			default:
			}
		}
	}()
	for i := range 10 {
		out, err := openOutput(name)
		if err == nil {
			err = out.writeBy(say(strings.Repeat(fmt.Sprint(i), 1000)))
		}
		if err != nil {
			t.Fatal(err)
		}
		closeOutputs([]*output{out})
	}
	close(stop)
	if err := <-seen; err != nil {
		t.Error("the report was not whole:", err)
	}
	if got := read(t, name); got != strings.Repeat("9", 1000) {
		t.Errorf("the last report is %.20q...", got)
	}
	if got := names(t, dir); got != "report.json" {
		t.Errorf("the folder has %s", got)
	}
}

// TestOutputFails lets the steps of a replacement fail. The old report stays.
func TestOutputFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, name, between string)
		errno unix.Errno
	}{
		{"link", func(t *testing.T, _, between string) { // what cannot be removed is in the way
			if err := os.MkdirAll(filepath.Join(between, "full"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, unix.ENOTEMPTY},
		{"rename", func(t *testing.T, name, _ string) { // no file takes the place of a folder
			if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o755)); err != nil {
				t.Fatal(err)
			}
		}, unix.EISDIR},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "report.json")
			write(t, name, "old")
			out, err := openOutput(name)
			if err != nil {
				t.Fatal(err)
			}
			defer closeOutputs([]*output{out})
			c.spoil(t, name, between(name))
			before := names(t, dir)
			err = out.writeBy(say("new"))
			if err == nil || !strings.Contains(err.Error(), c.errno.Error()) {
				t.Errorf("the error is %v, want %v", err, c.errno)
			}
			if after := names(t, dir); after != before {
				t.Errorf("the folder had %s and has %s", before, after)
			}
			if b, err := os.ReadFile(name); err == nil && string(b) != "old" {
				t.Errorf("the old report is %q", b)
			}
		})
	}
}

// TestOutputRemains replaces a report after an end of all processes that left the
// name in between.
func TestOutputRemains(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "report.json")
	write(t, name, "old")
	write(t, between(name), "half")
	out, err := openOutput(name)
	if err == nil {
		err = out.writeBy(say("new"))
	}
	if got := read(t, name); err != nil || got != "new" || names(t, dir) != "report.json" {
		t.Errorf("%v: the report is %q, the folder has %s", err, got, names(t, dir))
	}
}

// TestOutputElsewhere gives a file of another file system a name, as where there are
// no files without one.
func TestOutputElsewhere(t *testing.T) {
	for _, old := range []bool{false, true} {
		dir := t.TempDir()
		name := filepath.Join(dir, "report.json")
		if old {
			write(t, name, "old")
		}
		fd, err := unix.MemfdCreate("report", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		out := &output{name: name, target: name, file: os.NewFile(uintptr(fd), name)}
		err = out.writeBy(say("new"))
		if got := read(t, name); err != nil || got != "new" || names(t, dir) != "report.json" {
			t.Errorf("%v: the report is %q, the folder has %s", err, got, names(t, dir))
		}
		closeOutputs([]*output{out})
	}
}

// TestOutputsAtOnce has several labruns replace one report, as where there are no files
// without a name: it is whole at any time, and nothing is left beside it.
func TestOutputsAtOnce(t *testing.T) {
	const size = 1 << 20
	dir := t.TempDir()
	name := filepath.Join(dir, "report.json")
	write(t, name, strings.Repeat("0", size))
	var all []chan error
	for i := range 4 {
		done := make(chan error, 1)
		all = append(all, done)
		go func() {
			var errs []error
			for range 5 {
				fd, err := unix.MemfdCreate("report", unix.MFD_CLOEXEC)
				if err == nil {
					f := os.NewFile(uintptr(fd), name)
					_, err = f.WriteString(strings.Repeat(fmt.Sprint(i), size))
					err = errors.Join(err, replace(f, name), f.Close())
				}
				errs = append(errs, err)
			}
			done <- errors.Join(errs...)
		}()
	}
	for len(all) > 0 {
		select {
		case err := <-all[0]:
			if err != nil {
				t.Error(err)
			}
			all = all[1:]
		default:
			if got := read(t, name); len(got) != size || strings.Trim(got, got[:1]) != "" {
				t.Fatalf("the report is not whole: %d bytes of %d", len(got), size)
			}
		}
	}
	if got := names(t, dir); got != "report.json" {
		t.Errorf("the folder has %s", got)
	}
}

// TestOutputTakenAway has another labrun remove the name that a report has until it takes its place. The file cannot
// be named again, and the report is not lost.
func TestOutputTakenAway(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "report.json")
	write(t, name, "old")
	f, err := nameless(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := errors.Join(say("new")(f), link(f, between(name))); err != nil {
		t.Skip("no files without a name here: ", err)
	}
	if err := errors.Join(os.Remove(between(name)), replace(f, name)); err != nil {
		t.Error(err)
	}
	if got := read(t, name); got != "new" || names(t, dir) != "report.json" {
		t.Errorf("the report is %q, the folder has %s", got, names(t, dir))
	}
}

// TestOutputBetween does not follow what somebody has put in the place between.
func TestOutputBetween(t *testing.T) {
	for _, put := range []func(old, new string) error{os.Symlink, os.Link} {
		dir, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
		name := filepath.Join(dir, "report.json")
		write(t, name, "old")
		write(t, other, "precious")
		if err := put(other, between(name)); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.MemfdCreate("report", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), name)
		defer f.Close()
		err = errors.Join(say("new")(f), replace(f, name))
		if got := read(t, other); got != "precious" {
			t.Errorf("the other file is %q", got)
		}
		if b := read(t, name); err != nil || b != "new" || names(t, dir) != "report.json" {
			t.Errorf("%v: the report is %q, the folder has %s", err, b, names(t, dir))
		}
	}
}

// TestTerminalGone writes to a terminal whose other end is closed, which answers EIO.
func TestTerminalGone(t *testing.T) {
	for _, args := range [][]string{{}, {"version"}, {"check", "../../topologies/dual-nic.yaml"},
		{"plan", "../../topologies/dual-nic.yaml"}} {
		master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Skip(err)
		}
		defer master.Close()
		number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
			t.Fatal(err)
		}
		slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer slave.Close()
		master.Close()
		var words bytes.Buffer
		cmd := labrun(t, args...)
		cmd.Stdout, cmd.Stderr = slave, &words
		status := exitCode(cmd.Run())
		if n := strings.Count(words.String(), "input/output error"); status != exitError || n != 1 {
			t.Errorf("%v: exit status %d, %d times:\n%s", args, status, n, &words)
		}
	}
}
