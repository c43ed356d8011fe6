package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// untilSignal returns a context that the first signal to end cancels; a second
// one ends the program at once. Either way nothing is left behind. One that was ignored when
// labrun was started ends nothing.
func untilSignal() context.Context {
	these := []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP}
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	sys.Notify(signals, append(these, unix.SIGUSR1)...)
	go func() {
		s := <-signals
		signal.Reset(these...)
		if s == unix.SIGUSR1 {
			s = unix.SIGINT // handed on, see fabric.ReexecInUserNS
		}
		cancel(fmt.Errorf("stopped by %s", unix.SignalName(s.(unix.Signal))))
	}()
	return ctx
}
