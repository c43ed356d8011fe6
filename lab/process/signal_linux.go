package process

import (
	"os"
	"os/signal"
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
		a.caught = &catcher{came: make(chan os.Signal, 256), handlers: map[unix.Signal]bool{}}
		signal.Notify(a.caught.came, marker)
	}
	var to disposition
	how := arg[lab.Word](r, 1)
	if s == unix.SIGKILL {
		return ended(unix.EINVAL) // which the runtime would not ask the kernel for
	}
	a.caught.handlers[s] = how == "handler"
	switch how {
	case "SIG_IGN":
		to.handler = sigIgnore
	case "handler":
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

// signals answers which have come. The runtime passes on what its handler has noted on a thread of its own,
// several in one turn and in the order of their numbers: behind two of the process's own all that came
// before are there.
func signals(a *agent, _ *request) reply {
	var mask uint64
	for range 2 {
		if a.caught == nil {
			break
		}
		if err := unix.Tgkill(unix.Getpid(), unix.Gettid(), marker); err != nil {
			return reply{Broken: os.NewSyscallError("tgkill", err).Error()}
		}
		for s := range a.caught.came {
			if s == marker {
				break
			}
			mask |= 1 << s.(unix.Signal)
		}
	}
	words, err := wordsOf(lab.KindCaught, lab.Signals, int(mask), "none")
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return okWith(words)
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
