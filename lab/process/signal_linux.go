package process

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// catcher is what the process's handlers do: they note that a signal came and from whom, and some send another one.
type catcher struct {
	raises map[unix.Signal]unix.Signal // what a handler sends the process itself
	came   []arrival                   // what signals() has not asked for
}

// arrival is what the kernel tells a handler of a signal, the beginning of siginfo_t in sigaction(2). The handler writes
// one as it stands here.
type arrival struct {
	signal   int32
	code     int32 // si_code: above 0 the kernel sent it, SI_KERNEL among them
	pid, uid uint32
}

// disposition is what rt_sigaction(2) has, the kernel's struct sigaction. Where there is no restorer, on riscv64, the mask
// stands in its place: what was read is written back, so that each stays where it was.
type disposition struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// Of signal.h, with a signal of which the Go runtime always keeps its handler: it needs that one itself.
const (
	saRestart   = 0x10000000
	saNoDefer   = 0x40000000
	saResetHand = 0x80000000
	sigIgnore   = 1
	handled     = unix.SIGURG
	maxRounds   = 100 // of handlers that send signals to handlers
)

func act(s unix.Signal, set, get *disposition) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(set)),
		uintptr(unsafe.Pointer(get)), unsafe.Sizeof(set.mask), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return nil
}

// handlerOf returns the disposition of a signal that has a handler: that of the Go runtime's signals, with its stack and
// its mask, and with the address and the flags that the experiment's signals have in place of the runtime's.
func handlerOf(s unix.Signal, flags uintptr) (d disposition, err error) {
	err = act(handled, nil, &d)
	d.flags = d.flags&^saRestart | flags
	d.handler = handlerAddress(d.handler)
	catch(s)
	return d, err
}

// handles asks the kernel whether a signal has a handler: SA_RESETHAND takes it away when the signal comes.
func (c *catcher) handles(s unix.Signal) bool {
	var now, own disposition
	if c == nil || act(s, nil, &now) != nil || act(handled, nil, &own) != nil {
		return false
	}
	return now.handler == handlerAddress(own.handler)
}

// onSignal says what the process does on a signal.
func onSignal(a *agent, r *request) reply {
	s, ok := sys.Signals[string(arg[lab.Word](r, 0))]
	if !ok {
		return reply{Broken: "no signal " + string(arg[lab.Word](r, 0))}
	}
	a.lingers = true // the process is not as new
	if a.caught == nil {
		a.caught = &catcher{raises: map[unix.Signal]unix.Signal{}}
	}
	var to disposition
	how := arg[lab.Word](r, 1)
	if s == unix.SIGKILL {
		return ended(unix.EINVAL) // which the runtime would not ask the kernel for
	}
	raised, raises := sys.Signals[strings.TrimSuffix(strings.TrimPrefix(string(how), "raise("), ")")]
	delete(a.caught.raises, s)
	switch {
	case how == "SIG_IGN", s == unix.SIGPIPE && how == "SIG_DFL": // transmit keeps the latter away
		to.handler = sigIgnore
	case how == "handler" || raises:
		if raises {
			a.caught.raises[s] = raised
		}
		var err error
		if to, err = handlerOf(s, uintptr(arg[lab.Int](r, 2))); err != nil {
			return reply{Broken: err.Error()}
		}
	}
	return ended(act(s, &to, nil))
}

// signals answers which have come, and, where it is asked, from whom: the numbers of the processes, which the keeper
// knows by their names.
func signals(a *agent, r *request) reply {
	if r.Sender && !tellsSender {
		return reply{Broken: "labrun cannot tell who sent a signal on " + runtime.GOARCH}
	}
	if err := a.handle(); err != nil {
		return reply{Broken: err.Error()}
	}
	var mask uint64
	var names, users []string
	if a.caught != nil {
		for _, one := range a.caught.came {
			mask |= 1 << one.signal
			name := strconv.FormatUint(uint64(one.pid), 10)
			if one.code > 0 { // and what stands in the place of a sender is something else
				names = append(names, lab.SentByKernel)
				continue
			}
			names, users = append(names, name), append(users, strconv.FormatUint(uint64(one.uid), 10))
		}
		a.caught.came = nil
	}
	words, err := wordsOf(lab.KindCaught, lab.Signals, int(mask), "none")
	if err != nil {
		return reply{Broken: err.Error()}
	}
	done := okWith(words)
	if r.Sender && mask != 0 {
		done.From.of = lab.SignallersOf(names, users)
	}
	return done
}

// handle does what the handlers of the experiment do with the signals that have come: they note them, and
// some raise another one.
//
// A signal that is raised goes to the thread that takes requests. It is handled before the first handler
// returns in a program of C, so it cannot be what ends a call that waits, and there it ends none.
func (a *agent) handle() error {
	if a.caught == nil {
		return nil
	}
	for range maxRounds {
		came, err := arrived(a)
		if err != nil {
			return err
		}
		again := false
		for _, one := range came {
			if !slices.Contains(a.caught.came, one) { // once is enough to tell, however often it came
				a.caught.came = append(a.caught.came, one)
			}
			raised, ok := a.caught.raises[unix.Signal(one.signal)]
			if !ok {
				continue
			}
			again = true
			if err := a.send(raised); err != nil {
				return err
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

// aim answers the thread that is to handle a signal to the process, 0 when no handler does: of the calls in the
// background that which has waited longest, else the thread that takes requests. The experiment's process has no other
// threads than those. The kernel mostly takes the latter, and when that has a signal of the Go runtime's to handle,
// any thread (complete_signal): then the process could answer a request before the handler has run.
func aim(a *agent, r *request) reply {
	if !a.caught.handles(sys.Signals[string(arg[lab.Word](r, 0))]) {
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
		return okWith(lab.Int(unix.Gettid()))
	}
	first.aimed.Store(true)
	return okWith(lab.Int(first.tid))
}

// interrupted reports whether EINTR is the answer of a call: a signal of the experiment was sent to its
// thread, and not only one of the Go runtime's.
func (a *agent) interrupted() bool { return a.aimed != nil && a.aimed.Load() }

// unsignalled is the flag that keeps SIGPIPE away, which would end a process without a handler.
func (a *agent) unsignalled() int {
	if a.caught.handles(unix.SIGPIPE) {
		return 0
	}
	return unix.MSG_NOSIGNAL
}
