package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// small has something of everything that a run does: processes, one of which forks,
// programs of the foreground and the background, changes to a link and a parameter.
const small = `
name: small
networks: {red: {subnet: 192.0.2.0/24, subnet6: "2001:db8::/64"}}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}}}
  beta: {nics: {eth0: {network: red, as: x}}}
experiments:
  small:
    hosts: [alpha]
    steps:
      - peer/web: [w = socket(tcp), "bind(w, x:80)", "listen(w, 5)", fork(child), exit()]
      - a = socket(tcp)
      - connect(a, peer.x:80)
      - b = socket(tcp)
      - bind(b, any:80)
      - listen(b, 5)
      - c = socket(tcp)
      - bind(c, x:80) = EADDRINUSE
      - {run: "sleep 100", as: sleeper, background: true}
      - {run: "sh -c 'command -v connect; test -c /dev/zero; echo $?'", stdout: "/usr/local/bin/connect\n0\n"}
      - sysctl(net.ipv4.tcp_orphan_retries, "200")
      - sockets(any:80) = LISTEN
      - link_down(eth0)
      - send(a, "hello")
`

// trials are the runs whose system calls fail.
var trials = []trial{
	{name: "small", file: small, args: []string{"-o", "report.json"}},
	{name: "programs", file: programs, args: []string{"--capture", "pcap", "-o", "report.html"}},
	{name: "user", file: small, args: []string{"-o", "report.json"}, user: true},
}

type trial struct {
	name, file string
	args       []string
	user       bool // in a user namespace, whose namespaces are counted
}

// faults are the system calls that fail, one at a time: not those that the Go runtime
// cannot do without, whose failure it reports itself, nor close, which releases the
// descriptor whatever it answers (filp_close in fs/open.c): here it would stay open.
var faults = map[uint64]string{
	unix.SYS_READ: "read", unix.SYS_WRITE: "write", unix.SYS_POLL: "poll", unix.SYS_IOCTL: "ioctl",
	unix.SYS_SOCKET: "socket", unix.SYS_CONNECT: "connect", unix.SYS_SENDTO: "sendto",
	unix.SYS_RECVFROM: "recvfrom", unix.SYS_SENDMSG: "sendmsg", unix.SYS_RECVMSG: "recvmsg",
	unix.SYS_BIND: "bind", unix.SYS_GETSOCKNAME: "getsockname", unix.SYS_SOCKETPAIR: "socketpair",
	unix.SYS_SETSOCKOPT: "setsockopt", unix.SYS_CLONE: "clone", unix.SYS_EXECVE: "execve",
	unix.SYS_WAIT4: "wait4", unix.SYS_KILL: "kill", unix.SYS_UNAME: "uname", unix.SYS_FCNTL: "fcntl",
	unix.SYS_CHDIR: "chdir", unix.SYS_FCHDIR: "fchdir", unix.SYS_SETSID: "setsid",
	unix.SYS_PIVOT_ROOT: "pivot_root", unix.SYS_PRCTL: "prctl", unix.SYS_MOUNT: "mount",
	unix.SYS_UMOUNT2: "umount2", unix.SYS_SETHOSTNAME: "sethostname", unix.SYS_UNSHARE: "unshare",
	unix.SYS_SETNS: "setns", unix.SYS_OPENAT: "openat", unix.SYS_MKDIRAT: "mkdirat",
	unix.SYS_UNLINKAT: "unlinkat", unix.SYS_RENAMEAT: "renameat", unix.SYS_LINKAT: "linkat",
	unix.SYS_SYMLINKAT: "symlinkat", unix.SYS_READLINKAT: "readlinkat", unix.SYS_PIPE2: "pipe2",
	unix.SYS_DUP3: "dup3", unix.SYS_MEMFD_CREATE: "memfd_create", unix.SYS_PIDFD_OPEN: "pidfd_open",
	unix.SYS_FSOPEN: "fsopen", unix.SYS_FSCONFIG: "fsconfig", unix.SYS_FSMOUNT: "fsmount",
	unix.SYS_OPEN_TREE: "open_tree", unix.SYS_MOVE_MOUNT: "move_mount",
	unix.SYS_MOUNT_SETATTR: "mount_setattr", unix.SYS_FSTAT: "fstat", unix.SYS_NEWFSTATAT: "newfstatat",
	unix.SYS_STATFS: "statfs", unix.SYS_GETDENTS64: "getdents64", unix.SYS_FCHMODAT: "fchmodat",
	unix.SYS_FCHOWNAT: "fchownat", unix.SYS_RENAME: "rename",
}

// errnosOf are what a call may answer, whatever its arguments. EINTR is a signal's, such
// as the one with which the Go runtime stops a goroutine. EAGAIN is left out of calls that a
// poller waits for: the kernel would not answer it where there is something.
func errnosOf(call uint64) []unix.Errno {
	errnos := []unix.Errno{unix.EINTR, unix.ENOMEM}
	switch call {
	case unix.SYS_READ, unix.SYS_STATFS, unix.SYS_GETDENTS64:
		return append(errnos, unix.EIO)
	case unix.SYS_WRITE, unix.SYS_MKDIRAT, unix.SYS_RENAMEAT, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_RENAME:
		return append(errnos, unix.ENOSPC, unix.EIO)
	case unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_CONNECT, unix.SYS_BIND,
		unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKNAME:
		return append(errnos, unix.ENOBUFS)
	case unix.SYS_SOCKET, unix.SYS_OPENAT, unix.SYS_PIDFD_OPEN, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSMOUNT:
		return append(errnos, unix.EMFILE, unix.EPERM)
	case unix.SYS_SOCKETPAIR, unix.SYS_PIPE2, unix.SYS_DUP3, unix.SYS_MEMFD_CREATE, unix.SYS_FCNTL:
		return append(errnos, unix.EMFILE)
	case unix.SYS_CLONE, unix.SYS_EXECVE:
		return append(errnos, unix.EAGAIN, unix.EPERM)
	case unix.SYS_MOUNT, unix.SYS_MOVE_MOUNT, unix.SYS_UNSHARE, unix.SYS_MOUNT_SETATTR, unix.SYS_FSCONFIG:
		return append(errnos, unix.ENOSPC, unix.EPERM)
	case unix.SYS_POLL, unix.SYS_WAIT4, unix.SYS_FSTAT, unix.SYS_NEWFSTATAT, unix.SYS_UNAME:
		return errnos
	}
	return append(errnos, unix.EPERM)
}

// fault is the nth call of a number from one place in labrun, by any process of a run, that
// answers an errno.
type fault struct {
	place
	nth   int
	errno unix.Errno
}

// place is a system call and the functions that led to it.
type place struct {
	call  uint64
	stack string
	name  string // of the innermost function of labrun
}

// asks reports whether it is a call of the experiment, whose answer is an answer.
func (p place) asks() bool {
	switch p.call {
	case unix.SYS_OPENAT, unix.SYS_READ, unix.SYS_WRITE:
		return strings.Contains(p.stack, "labrun/lab/fabric.(*Host).onSysctl:")
	case unix.SYS_SOCKET, unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_SENDTO, unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKNAME:
		return strings.Contains(p.stack, "labrun/lab/process.do:")
	}
	return false
}

// isGo reports whether it is a call of the Go runtime for itself, which does not go on
// without, or of the pipe by which syscall.ForkExec learns that the new program is executed:
// a read of it that fails has it wait for the end of that program.
func (p place) isGo() bool {
	above, _, _ := strings.Cut(p.stack, "\nlabrun/")
	return strings.Contains(above, "\nruntime.") || p.call == unix.SYS_READ &&
		strings.Contains(above, "syscall.readlen:")
}

func (f fault) String() string {
	return fmt.Sprintf("%s:%s:%s:%08x:%d", faults[f.call], unix.ErrnoName(f.errno), f.name,
		crc32.ChecksumIEEE([]byte(f.stack)), f.nth)
}

// faultsOf returns the faults of the places that a run came to, and how often: the first and
// the last call from each.
func faultsOf(counts map[place]int) (all []fault) {
	for p, n := range counts {
		if p.asks() || p.isGo() {
			continue
		}
		for _, errno := range errnosOf(p.call) {
			all = append(all, fault{p, 1, errno})
			if n > 1 {
				all = append(all, fault{p, n, errno})
			}
		}
	}
	slices.SortFunc(all, func(a, b fault) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// TestFaults lets one system call after the other fail, from every place in labrun where one
// is made, with every errno that it may answer. labrun must say so, call no failure of its
// own a failed cell, end, and leave nothing.
//
// Without more some are tried. LABRUN_FAULTS=REGEXP chooses, from names such as
// small/mount:ENOMEM:labrun/lab/process.bind:0c34ae56:1, and LABRUN_FAULTS=. takes all, in
// hours: go test -run TestFaults -timeout 0 -v ./cmd/labrun.
func TestFaults(t *testing.T) {
	needNetNS(t)
	tried := map[place]bool{}
	for _, tr := range trials {
		t.Run(tr.name, func(t *testing.T) { sweep(t, tr, os.Getenv("LABRUN_FAULTS"), tried) })
	}
}

// sweep tries the places where no trial before it has been.
func sweep(t *testing.T, tr trial, choice string, tried map[place]bool) {
	counts := map[place]int{}
	if said := inject(t, tr, fault{}, counts); said.status != 0 {
		t.Fatalf("without a fault: exit status %d:\n%s", said.status, said.out)
	}
	maps.DeleteFunc(counts, func(p place, _ int) bool { return tried[p] })
	for p := range counts {
		tried[p] = true
	}
	all := faultsOf(counts)
	t.Logf("%d places, %d faults", len(counts), len(all))
	if choice == "" {
		some := min(times(20), len(all))
		for i := range some {
			all[i] = all[i*len(all)/some]
		}
		all = all[:some]
	} else {
		chosen := regexp.MustCompile(choice)
		all = slices.DeleteFunc(all, func(f fault) bool { return !chosen.MatchString(tr.name + "/" + f.String()) })
	}
	for _, f := range all {
		t.Run(f.String(), func(t *testing.T) {
			mounts, links := read(t, "/proc/self/mountinfo"), linkNames(t)
			began := time.Now()
			said := inject(t, tr, f, nil)
			if took := time.Since(began); took > 15*time.Second {
				t.Logf("it took %v:\n%s", took.Round(time.Second), said.out)
			}
			if said.where == "" {
				t.Log("the run did not come there")
			}
			ok := said.status == 0 || said.status == exitError &&
				regexp.MustCompile(`(?m)^labrun: |^ERROR `).MatchString(said.out)
			if f.errno == unix.EPERM && said.status == exitUsage { // a file that the user named and may not have
				ok = strings.Contains(said.out, "operation not permitted")
			}
			if !ok || strings.Contains(said.out, "goroutine ") {
				t.Errorf("exit status %d in %s:\n%s", said.status, said.where, said.out)
			}
			if after := read(t, "/proc/self/mountinfo"); after != mounts {
				t.Errorf("mounts were:\n%s\nand are:\n%s", mounts, after)
			}
			if after := linkNames(t); after != links {
				t.Errorf("links were: %s, and are: %s", links, after)
			}
		})
	}
}

// linkNames lists the links of the network namespace of the test.
func linkNames(t *testing.T) string {
	t.Helper()
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range links {
		all = append(all, l.Name)
	}
	return strings.Join(all, " ")
}

// said is what a run with a fault did.
type said struct {
	status int
	out    string
	where  string // the process that met it
}

// inject runs labrun with a fault. It counts the calls when it is given a map.
func inject(t *testing.T, tried trial, f fault, counts map[place]int) said {
	t.Helper()
	dir := t.TempDir()
	report := tried.args[slices.Index(tried.args, "-o")+1]
	file, saved := filepath.Join(dir, "lab.yaml"), filepath.Join(dir, report)
	write(t, file, tried.file)
	write(t, saved, "old")
	var out bytes.Buffer
	cmd := labrun(t, slices.Concat([]string{"-j", "1"}, tried.args, []string{file})...)
	if tried.user {
		unshare, err := exec.LookPath("unshare")
		if err != nil {
			t.Skip(err)
		}
		const script = `"$0" "$@"; status=$?; ` + noNamespaceLeft + ` && exit $status`
		cmd.Args = append([]string{"unshare", "--user", "--map-root-user", "sh", "-c", script, namedLabrun(t)},
			cmd.Args[1:]...)
		cmd.Path = unshare
	}
	trapped := strconv.FormatUint(f.call, 10)
	if counts != nil {
		trapped = strings.Join(strings.Fields(strings.Trim(fmt.Sprint(slices.Collect(maps.Keys(faults))), "[]")), ",")
	}
	cmd.Args = slices.Concat([]string{arg0Trap, trapped, cmd.Path}, cmd.Args)
	cmd.Path = "/proc/self/exe"
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	var result said
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the tracer is a thread; PTRACE_O_EXITKILL ends what it leaves
		err := cmd.Start()
		if err == nil {
			tr := newTracer(f, counts, cmd.Process.Pid)
			late := time.AfterFunc(5*time.Minute, // above what labrun itself waits for
				func() { _ = cmd.Process.Kill() })
			err = tr.trace()
			if !late.Stop() && err == nil {
				err = errors.New("it did not end in time")
			}
			result.where = tr.where
			if tr.status.Exited() {
				result.status = tr.status.ExitStatus()
			} else {
				result.status = 128 + int(tr.status.Signal())
			}
		}
		done <- err
	}()
	err := <-done
	if cmd.Process != nil {
		_ = cmd.Wait() // the tracer has had its status; this ends the copying of its output
	}
	result.out = out.String()
	if err != nil {
		t.Errorf("%v in %s:\n%s", err, result.where, result.out)
	}
	if got := strings.ReplaceAll(names(t, dir), " pcap", ""); got != "lab.yaml "+report {
		t.Errorf("files left: %s", got)
	} else if b := read(t, saved); b != "old" && !strings.HasSuffix(b, "}\n") && !strings.HasSuffix(b, "</html>\n") {
		t.Errorf("the report is not whole: %.100q", b)
	}
	return result
}

// arg0Trap is the argv[0] of a program that is to be traced.
const arg0Trap = "labrun-trap"

// trapMain executes a program that has all its calls of the given numbers stopped, and those
// of the programs that it executes: seccomp(2), so that the others lose no time.
func trapMain(numbers, path string, args []string) error {
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // struct seccomp_data
	for number := range strings.SplitSeq(numbers, ",") {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return err
		}
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(n), Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0,
		uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return unix.Exec(path, args, os.Environ())
}

func init() {
	if os.Args[0] == arg0Trap {
		runtime.LockOSThread()
		fmt.Fprintln(os.Stderr, trapMain(os.Args[1], os.Args[2], os.Args[3:]))
		os.Exit(1)
	}
}

// tracer is the ptrace(2) of a run with all its processes.
type tracer struct {
	fault
	counts  map[place]int
	root    int
	status  unix.WaitStatus // of the root
	where   string
	met     int
	foreign map[int]bool // other programs than labrun
	seen    map[int]bool
}

func newTracer(f fault, counts map[place]int, root int) *tracer {
	return &tracer{fault: f, counts: counts, root: root, foreign: map[int]bool{}, seen: map[int]bool{}}
}

func (tr *tracer) trace() error {
	const options = unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
		unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil // everybody has ended
		case err != nil:
			return fmt.Errorf("wait4: %w", err)
		case !status.Stopped():
			if pid == tr.root {
				tr.status = status
			}
			continue
		}
		signal := 0
		switch s := status.StopSignal(); {
		case !tr.seen[pid]:
			tr.seen[pid] = true
			if pid == tr.root {
				tr.foreign[pid] = true // trapMain
				if err := unix.PtraceSetOptions(pid, options); err != nil {
					return fmt.Errorf("ptrace: %w", err)
				}
			}
		case status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
			tr.stop(pid)
		case status.TrapCause() == unix.PTRACE_EVENT_EXEC:
			exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // "/memfd:labrun (deleted)", or the test's program
			tr.foreign[pid] = !strings.Contains(exe, "labrun")
		case status.TrapCause() > 0: // a clone
		case s != unix.SIGTRAP:
			signal = int(s)
		}
		_ = unix.PtraceCont(pid, signal) // it may have been killed
	}
}

// stop is at the beginning of a system call.
func (tr *tracer) stop(pid int) {
	var r unix.PtraceRegs
	if tr.foreign[pid] || unix.PtraceGetRegs(pid, &r) != nil {
		return // it may have been killed
	}
	p := placeOf(pid, &r)
	switch {
	case p.name == "": // it is the Go runtime's, or that of ld.so(8)
	case tr.nth == 0:
		tr.counts[p]++
	case p == tr.place:
		if tr.met++; tr.met == tr.nth {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			tr.where = strings.ReplaceAll(string(name), "\x00", " ")
			r.Orig_rax, r.Rax = ^uint64(0), -uint64(tr.errno) // no call, but its answer: seccomp(2)
			_ = unix.PtraceSetRegs(pid, &r)
		}
	}
}

// placeOf finds the functions that make a system call, by the frame pointers that the Go
// compiler leaves. The processes of a run have the test's program, and its addresses.
func placeOf(pid int, r *unix.PtraceRegs) place {
	p := place{call: r.Orig_rax}
	var stack strings.Builder
	for frame, depth := r.Rbp, 0; frame != 0 && depth < 100; depth++ {
		var words [2]uint64 // the caller's frame, and where it goes on
		b := (*[16]byte)(unsafe.Pointer(&words))
		from := []unix.RemoteIovec{{Base: uintptr(frame), Len: len(b)}}
		to := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
		if n, err := unix.ProcessVMReadv(pid, to, from, 0); n != len(b) || err != nil {
			break
		}
		frames := runtime.CallersFrames([]uintptr{uintptr(words[1])})
		for more := words[1] != 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			fmt.Fprintf(&stack, "%s:%d\n", f.Function, f.Line)
			if name, is := strings.CutPrefix(f.Function, "labrun/"); is && p.name == "" {
				p.name = fmt.Sprintf("%s:%d", name, f.Line)
			}
		}
		frame = words[0]
	}
	p.stack = stack.String()
	return p
}
