package process

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// catcher is the signals that have a handler: which have come, and how they were asked for. The handler is
// the Go runtime's. It only notes that the signal came, as a handler of C mostly does.
type catcher struct {
	came     chan os.Signal
	handlers map[unix.Signal]bool
	raises   map[unix.Signal]unix.Signal // what a handler sends the process itself
	mask     uint64                      // that have come and were not asked for
}

// disposition is what rt_sigaction(2) has, the kernel's struct sigaction.
type disposition struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// Of signal.h, with what has a handler that the Go runtime keeps: it needs that one itself.
const (
	saRestart = 0x10000000
	sigIgnore = 1
	handled   = unix.SIGURG
	marker    = unix.SIGIO // no word of a file
	maxRounds = 100        // of handlers that send signals to handlers
)

func act(s unix.Signal, set, get *disposition) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(set)),
		uintptr(unsafe.Pointer(get)), unsafe.Sizeof(set.mask), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return nil
}

// onSignal says what the process does on a signal. The runtime's own handler is asked for with
// SA_RESTART, and does as well without it.
func onSignal(a *agent, r *request) reply {
	s, ok := sys.Signals[string(arg[lab.Word](r, 0))]
	if !ok {
		return reply{Broken: "no signal " + string(arg[lab.Word](r, 0))}
	}
	a.lingers = true // the process is not as new
	if a.caught == nil {
		a.caught = &catcher{came: make(chan os.Signal, 256), handlers: map[unix.Signal]bool{},
			raises: map[unix.Signal]unix.Signal{}}
		signal.Notify(a.caught.came, marker)
	}
	var to disposition
	how := arg[lab.Word](r, 1)
	if s == unix.SIGKILL {
		return ended(unix.EINVAL) // which the runtime would not ask the kernel for
	}
	raised, raises := sys.Signals[strings.TrimSuffix(strings.TrimPrefix(string(how), "raise("), ")")]
	a.caught.handlers[s] = how == "handler" || raises
	delete(a.caught.raises, s)
	switch {
	case how == "SIG_IGN":
		to.handler = sigIgnore
	case a.caught.handlers[s]:
		if raises {
			a.caught.raises[s] = raised
		}
		signal.Notify(a.caught.came, s)
		if err := act(handled, nil, &to); err != nil {
			return reply{Broken: err.Error()}
		}
		if to.flags &^= saRestart; arg[lab.Word](r, 2) == "SA_RESTART" {
			to.flags |= saRestart
		}
	}
	if s == unix.SIGPIPE && how == "SIG_DFL" {
		to.handler = sigIgnore // transmit keeps it away
	}
	return ended(act(s, &to, nil))
}

// signals answers which have come.
func signals(a *agent, _ *request) reply {
	if err := a.handle(); err != nil {
		return reply{Broken: err.Error()}
	}
	var mask uint64
	if a.caught != nil {
		mask, a.caught.mask = a.caught.mask, 0
	}
	words, err := wordsOf(lab.KindCaught, lab.Signals, int(mask), "none")
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return okWith(words)
}

// handle does what the handlers of the experiment do with the signals that have come: they note them, and
// some raise another one. The runtime passes on what its handler has noted on a thread of its own, several
// in one turn and in the order of their numbers: behind two of the process's own all that came before are
// there.
//
// A signal that is raised goes to the thread that takes requests. It is handled before the first handler
// returns in a program of C, so it cannot be what ends a call that waits, and there it ends none.
func (a *agent) handle() error {
	if a.caught == nil {
		return nil
	}
	for range maxRounds {
		again := false
		for range 2 {
			if err := a.send(marker); err != nil {
				return err
			}
			for s := range a.caught.came {
				if s == marker {
					break
				}
				a.caught.mask |= 1 << s.(unix.Signal)
				raised, ok := a.caught.raises[s.(unix.Signal)]
				if !ok {
					continue
				}
				again = true
				if err := a.send(raised); err != nil {
					return err
				}
			}
		}
		if !again {
			return nil
		}
	}
	return fmt.Errorf("the handlers of signals have raised others %d times, without an end", maxRounds)
}

// send sends a signal to the thread that makes the call.
func (*agent) send(s unix.Signal) error {
	return os.NewSyscallError("tgkill", unix.Tgkill(unix.Getpid(), unix.Gettid(), s))
}

// aim answers the thread that a signal to the process is to interrupt, 0 when there is no such one: of the
// calls in the background that which has waited longest. The experiment's process has no other threads
// than those; to the kernel the one that takes requests would do as well.
func aim(a *agent, r *request) reply {
	if s := sys.Signals[string(arg[lab.Word](r, 0))]; a.caught == nil || !a.caught.handlers[s] {
		return okWith(lab.Int(0))
	}
	var first *pendingCall
	for _, p := range a.pending {
		select {
		case <-p.done:
			continue
		default:
		}
		if !p.held && (first == nil || p.began < first.began) {
			first = p
		}
	}
	if first == nil {
		return okWith(lab.Int(0))
	}
	first.aimed.Store(true)
	return okWith(lab.Int(first.tid))
}

// interrupted reports whether EINTR is the answer of a call: a signal of the experiment was sent to its
// thread, and not only one of the Go runtime's.
func (a *agent) interrupted() bool { return a.aimed != nil && a.aimed.Load() }

// unsignalled is the flag that keeps SIGPIPE away, which would end a process without a handler.
func (a *agent) unsignalled() int {
	if a.caught != nil && a.caught.handlers[unix.SIGPIPE] {
		return 0
	}
	return unix.MSG_NOSIGNAL
}
