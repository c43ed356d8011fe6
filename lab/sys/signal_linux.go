package sys

import (
	"os"
	"os/signal"
)

// Notify is signal.Notify without the signals that were ignored when this program was started, as nohup(1) starts it:
// these stay ignored, in what it starts as well. The Go runtime leaves that alone for SIGHUP and SIGINT; of the others
// it has no memory, see package os/signal.
func Notify(c chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals { // of no signals at all, signal.Notify would take every one
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}
