package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// packagesOf are the programs that labrun calls, and Debian's packages that have them.
var packagesOf = map[string]string{"dpkg-deb": "dpkg", "apt-cache": "apt", "apt-get": "apt"}

// run runs a program of the machine's packaging in dir, gives its output to read and returns an error with
// what it complained about.
func run(ctx context.Context, dir string, read func(io.Reader) error, name string, args ...string) error {
	// Looked up first: what exec says of a missing program names neither its package nor a way without it.
	program, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("this machine has no %s, which is in Debian's package %s; give the kernel as a file or as an "+
			"unpacked folder instead", name, packagesOf[name])
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "LC_ALL=C") // what it says is read here
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	endWithParent(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	return onOneThread(func() error {
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		readErr := read(out)
		if readErr == nil {
			_, readErr = io.Copy(io.Discard, out) // a tar ends before its last block
		}
		if readErr != nil && !errors.Is(readErr, io.ErrUnexpectedEOF) { // it may say itself why it ended too early
			// Nothing reads on, so it would wait for ever to write on. It may have children, which only notice that
			// the pipe is closed.
			_ = cmd.Process.Kill()
			out.Close()
		}
		err := cmd.Wait()
		var killed *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case readErr != nil && (err == nil || errors.As(err, &killed) && killed.ExitCode() < 0):
			return readErr
		case err != nil:
			return fmt.Errorf("%s: %w", name, complaint(complaints.String(), err))
		}
		return nil
	})
}

// output returns what a program prints.
func output(ctx context.Context, dir, name string, args ...string) (text string, err error) {
	err = run(ctx, dir, func(r io.Reader) error {
		b, err := io.ReadAll(r)
		text = string(b)
		return err
	}, name, args...)
	return text, err
}

// complaint takes the errors out of what apt and dpkg wrote, or else the last line.
func complaint(text string, err error) error {
	var errs, all []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		all = append(all, line)
		for _, mark := range []string{"E: ", "dpkg-deb: error: ", "dpkg-deb (subprocess): "} {
			if found, ok := strings.CutPrefix(line, mark); ok {
				errs = append(errs, found)
			}
		}
	}
	if len(errs) == 0 && len(all) > 0 {
		errs = all[len(all)-1:]
	}
	if len(errs) == 0 {
		return err
	}
	said := strings.Join(errs, "; ")
	// They have no exit status of their own for a full disk.
	if strings.Contains(said, "No space left on device") || strings.Contains(said, "enough free space") {
		return fmt.Errorf("%s: %w", said, syscall.ENOSPC)
	}
	return errors.New(said)
}
