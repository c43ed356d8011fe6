package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"labrun/lab/topology"
)

// watch runs once, and again whenever one of the files has changed, until a signal.
// The last run's status is the program's. A run says as well whether it is to be the last one.
func watch(cmd *cobra.Command, files []string, once func(context.Context) (bool, error)) error {
	ctx := untilSignal()
	for {
		all := dependencies(files)
		// Before the files are read: what changes while the cells run is seen as a change.
		seen := stamps(all)
		if terminal(cmd.OutOrStdout()) {
			fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J\x1b[3J") // as clear(1)
		}
		last, err := once(ctx)
		if last {
			return err
		}
		var status exitStatus
		var usage usageError
		// A run that ended in red, or a file that is half written, is what --watch is for. Only what the
		// user cannot mend in the file ends it.
		switch {
		case err == nil, errors.As(err, &status), ctx.Err() != nil:
		case errors.As(err, &usage):
			complain(cmd.ErrOrStderr(), err) // of an --only that matches nothing, while the file is being written
		default:
			return err
		}
		if ctx.Err() == nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "waiting for a change of %s; ^C ends\n", list(files))
		}
		if !awaitChange(ctx, all, len(files), seen) {
			return err
		}
	}
}

// dependencies returns the files, and behind them those that they include.
func dependencies(files []string) []string {
	all := slices.Clone(files)
	for _, f := range files {
		for _, other := range topology.Scan(topology.Source{File: f}).Files[1:] {
			if !slices.Contains(all, other) {
				all = append(all, other)
			}
		}
	}
	return all
}

// stamp is what changes with a file. Files are looked at several times a second, which
// works for folders that inotify(7) does not report on, such as those of a virtual machine.
type stamp struct {
	size int64
	time time.Time
	file os.FileInfo // tells a file that has taken the place of another one
}

func stamps(files []string) []stamp {
	all := make([]stamp, len(files))
	for i, f := range files {
		if info, err := os.Stat(f); err == nil {
			all[i] = stamp{info.Size(), info.ModTime(), info}
		}
	}
	return all
}

// same compares what editors change: some write in place, which changes size or time, and some put
// a new file in the old one's place, whose time may be older.
func (s stamp) same(t stamp) bool {
	if s.file == nil || t.file == nil {
		return s.file == nil && t.file == nil
	}
	return s.size == t.size && s.time.Equal(t.time) && os.SameFile(s.file, t.file)
}

// awaitChange looks at the files now and then. inotify(7) would be quicker, and would
// miss what happens on the other side of a shared folder: Vagrant's, NFS. A change is
// one when it is over, and the first files, those of the command line, are there:
// editors write in several steps. That an included one is gone is a change.
func awaitChange(ctx context.Context, files []string, first int, seen []stamp) bool {
	const often = 150 * time.Millisecond
	tick := time.NewTicker(often)
	defer tick.Stop()
	for before := seen; ; {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		now := stamps(files)
		there := !slices.ContainsFunc(now[:first], func(s stamp) bool { return s.file == nil })
		if there && slices.EqualFunc(now, before, stamp.same) && !slices.EqualFunc(now, seen, stamp.same) {
			return true
		}
		before = now
	}
}
