package process

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
)

// pendingCall is a call in the background: a thread of its own makes it, which shares the process's
// descriptors as threads of any program do. The names of descriptors are each thread's own: a socket that
// the call makes has its name in the process when the answer is asked for.
type pendingCall struct {
	tid   int
	began int           // how many began before it
	held  bool          // at a gate
	aimed atomic.Bool   // a signal of the experiment was sent to the thread
	done  chan struct{} // closed when it has ended
	reply reply

	before, socks handles  // the process's, before the call and after
	inodes        []uint32 // of the sockets in which it waits
	paths         []string // that it has bound
}

// forever is the limit of a call in the background: longer than any cell. How long a file waits for the
// answer is the limit of answer().
const forever = 24 * time.Hour

// maxThreads bounds how many threads may run at once, see begin.
const maxThreads = 64

// Begin makes the process carry out a call in the background. It returns when that has ended or waits in
// the kernel: what comes next finds it waiting, on every run.
//
// With a gate, the call is made when that is opened.
func (p *Process) Begin(ctx context.Context, name string, a Args, gate *Gate) error {
	r, err := newRequest(a)
	if err != nil {
		return fmt.Errorf("process %s: %w", p.Name, err)
	}
	r.Limit = forever
	p.began = true
	var entry *os.File
	if gate != nil {
		entry = gate.entry
		gate.waiting++
	}
	_, err = p.ask(ctx, request{Call: "begin", Args: []value{{lab.Pending(name)}, {r}}}, entry)
	return err
}

// begin makes a call on a new thread. The thread is where the process's own one is and acts as the same
// user: both are the thread's, and threads of the Go runtime have neither from it.
//
// A process has one P as a rule, and its main thread keeps that while it waits for the next request
// (recvSoon). A call that has ended would have to wait for it, and could not say so in time. So each
// call in the background brings another one along.
func begin(a *agent, r *request) reply {
	name, of := string(arg[lab.Pending](r, 0)), arg[request](r, 1)
	of.passed = -1
	if a.pending[name] != nil {
		return reply{Broken: "a call " + name + " is in the background already"}
	}
	if wrong := a.find(&of); wrong != nil {
		return *wrong
	}
	a.watch()
	a.lingers = true
	if n := runtime.GOMAXPROCS(0); n < maxThreads {
		runtime.GOMAXPROCS(n + 1)
	}
	p := &pendingCall{done: make(chan struct{}), before: maps.Clone(a.socks), socks: maps.Clone(a.socks)}
	for _, fd := range of.fds {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			p.inodes = append(p.inodes, uint32(st.Ino))
		}
	}
	p.began, p.held = a.begun, r.passed >= 0
	a.begun++
	apart := &agent{name: a.name, socks: p.socks, proc: a.proc, table: -1, snmp: -1, caught: a.caught, aimed: &p.aimed}
	apart.watched.Do(func() {}) // a does
	user, ready := unix.Geteuid(), make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: it ends with the call
		a.follow()
		err := actAs(user)
		p.tid = unix.Gettid()
		ready <- err
		if err == nil {
			p.reply = apart.makeCall(&of, r.passed)
			p.paths = apart.paths
			close(p.done)
		}
	}()
	if err := <-ready; err != nil {
		return reply{Broken: "begin a call in the background: " + err.Error()}
	}
	if a.pending == nil {
		a.pending = map[string]*pendingCall{}
	}
	a.pending[name] = p
	return reply{Outcome: lab.OK} // do returns once it has settled
}

// makeCall makes a call, behind a gate when one came along.
func (a *agent) makeCall(r *request, entry int) reply {
	if entry < 0 {
		return calls[r.Call](a, r)
	}
	all, err := admit(entry)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	defer all.leave()
	all.pass()
	return calls[r.Call](a, r)
}

// settleAll returns when no call in the background is on its way: each has ended or waits. One that a
// call has woken is to see what that has done, and not what the next one does: shutdown and another
// listen after it, say, of which accept would see nothing if it came too late.
func (a *agent) settleAll() error {
	for _, p := range a.pending {
		if _, err := p.settle(a); err != nil {
			return err
		}
	}
	return nil
}

// Rest returns when none of the process's calls in the background is on its way.
func (p *Process) Rest(ctx context.Context) error {
	if p.dead || !p.began {
		return nil
	}
	_, err := p.ask(ctx, request{Call: "rest"}, nil)
	if p.dead {
		return nil
	}
	return err
}

// actAs makes the calling thread act as that user, if it does not.
func actAs(user int) error {
	if unix.Geteuid() == user {
		return nil
	}
	const keep = ^uintptr(0)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(user), keep); errno != 0 {
		return os.NewSyscallError("setresuid", errno)
	}
	return nil
}

// answer waits for a call in the background to end, and answers what it does. It is blocked only if it
// still waits in the kernel when the limit has passed: one that was woken has its answer.
func answer(a *agent, r *request) reply {
	name := string(arg[lab.Pending](r, 0))
	p := a.pending[name]
	if p == nil {
		return reply{Broken: "no call " + name + " is in the background"}
	}
	select {
	case <-p.done:
	case <-time.After(r.Limit):
		switch ended, err := p.settle(a); {
		case err != nil:
			return reply{Broken: err.Error()}
		case !ended:
			return reply{Outcome: lab.Blocked}
		}
	}
	delete(a.pending, name)
	for _, sock := range p.socks.names() {
		switch h := p.socks[sock]; {
		case h == p.before[sock], strings.HasSuffix(sock, former):
		case h.fd < 0 || h.fd == p.before[sock].fd: // closed, or its flags are others
			a.socks[sock] = h
		default:
			a.socks.keep(sock, h)
		}
	}
	a.paths = append(a.paths, p.paths...)
	done := p.reply
	if !r.Sender {
		done.From = value{}
	}
	if !r.With {
		done.With = nil
	}
	return done
}

// settle returns when the call has ended, or its thread waits in it.
func (p *pendingCall) settle(a *agent) (ended bool, err error) {
	deadline := time.Now().Add(child.Grace)
	for pause := 20 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		waits, err := p.waits(a)
		select {
		case <-p.done:
			return true, nil
		default:
		}
		switch {
		case err != nil:
			return false, fmt.Errorf("see whether a call in the background waits: %w", err)
		case waits:
			return false, nil
		case time.Now().After(deadline):
			return false, fmt.Errorf("a call in the background has neither ended nor waited for %v", child.Grace)
		}
		select {
		case <-p.done:
			return true, nil
		case <-time.After(pause):
		}
	}
}

// held are the sockets that the process has closed, and in which calls in the background wait: they exist
// until these have ended.
func (a *agent) held() (socks ownedSockets) {
	open := map[uint32]bool{}
	for _, h := range a.socks {
		var st unix.Stat_t
		if unix.Fstat(h.fd, &st) == nil {
			open[uint32(st.Ino)] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.pending)) {
		p := a.pending[name]
		select {
		case <-p.done:
			continue
		default:
		}
		for _, inode := range p.inodes {
			if !open[inode] {
				socks = append(socks, Owned{Name: "closed, " + name + " waits in it", Inode: inode})
			}
		}
	}
	return socks
}

// waiting are the system calls in which a call in the background waits, and no thread of the Go runtime
// for anything of its own.
var waiting = []int{
	unix.SYS_ACCEPT4, unix.SYS_CONNECT, unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_SENDMSG, unix.SYS_RECVMSG,
	unix.SYS_SENDMMSG, unix.SYS_RECVMMSG, unix.SYS_PPOLL, unix.SYS_EPOLL_PWAIT,
	232, // epoll_wait(2), which newer architectures do not have
	102, // socketcall(2) of s390x, by which Go makes some of these; elsewhere a call that never waits
}

// waits reports whether the thread waits in one of them, as proc_pid_syscall(5) and proc_pid_stat(5) tell.
// The former has the number of the call only when the thread is off its processor and not about to get it
// (task_current_syscall), so one that was woken does not wait. State S in between rules out the moments in
// which it waits for a lock of the kernel's, which is not what the call is waiting for.
func (p *pendingCall) waits(a *agent) (bool, error) {
	if in, err := p.isIn(a); !in {
		return false, err
	}
	stat, err := a.readProc(fmt.Sprintf("self/task/%d/stat", p.tid))
	if err != nil {
		return false, err
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the name before it may have anything
	if !bytes.HasPrefix(after, []byte("S")) {
		return false, nil
	}
	return p.isIn(a)
}

// isIn reports whether the thread has stopped in one of the system calls that wait.
func (p *pendingCall) isIn(a *agent) (bool, error) {
	text, err := a.readProc(fmt.Sprintf("self/task/%d/syscall", p.tid))
	number, _, _ := strings.Cut(string(text), " ")
	n, notNumber := strconv.Atoi(number) // "running", or on its way
	return err == nil && notNumber == nil && slices.Contains(waiting, n), err
}
