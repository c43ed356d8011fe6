package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
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

// faults are the system calls that fail, one at a time: not those that the Go runtime
// cannot do without, whose failure it reports itself, nor close, which releases the
// descriptor whatever it answers (filp_close in fs/open.c): here it would stay open.
var faults = map[uint64]string{
	unix.SYS_READ: "read", unix.SYS_WRITE: "write", unix.SYS_POLL: "poll", unix.SYS_IOCTL: "ioctl",
	unix.SYS_SOCKET: "socket", unix.SYS_CONNECT: "connect", unix.SYS_SENDTO: "sendto", unix.SYS_RECVFROM: "recvfrom",
	unix.SYS_SENDMSG: "sendmsg", unix.SYS_RECVMSG: "recvmsg", unix.SYS_BIND: "bind", unix.SYS_GETSOCKNAME: "getsockname",
	unix.SYS_SOCKETPAIR: "socketpair", unix.SYS_SETSOCKOPT: "setsockopt", unix.SYS_CLONE: "clone", unix.SYS_EXECVE: "execve",
	unix.SYS_WAIT4: "wait4", unix.SYS_KILL: "kill", unix.SYS_UNAME: "uname", unix.SYS_FCNTL: "fcntl", unix.SYS_CHDIR: "chdir",
	unix.SYS_FCHDIR: "fchdir", unix.SYS_SETSID: "setsid", unix.SYS_PIVOT_ROOT: "pivot_root", unix.SYS_PRCTL: "prctl",
	unix.SYS_MOUNT: "mount", unix.SYS_UMOUNT2: "umount2", unix.SYS_SETHOSTNAME: "sethostname", unix.SYS_UNSHARE: "unshare",
	unix.SYS_SETNS: "setns", unix.SYS_OPENAT: "openat", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_UNLINKAT: "unlinkat",
	unix.SYS_RENAMEAT: "renameat", unix.SYS_LINKAT: "linkat", unix.SYS_SYMLINKAT: "symlinkat", unix.SYS_READLINKAT: "readlinkat",
	unix.SYS_PIPE2: "pipe2", unix.SYS_DUP3: "dup3", unix.SYS_MEMFD_CREATE: "memfd_create", unix.SYS_PIDFD_OPEN: "pidfd_open",
	unix.SYS_FSOPEN: "fsopen", unix.SYS_FSCONFIG: "fsconfig", unix.SYS_FSMOUNT: "fsmount", unix.SYS_OPEN_TREE: "open_tree",
	unix.SYS_MOVE_MOUNT: "move_mount", unix.SYS_MOUNT_SETATTR: "mount_setattr", unix.SYS_FSTAT: "fstat",
	unix.SYS_NEWFSTATAT: "newfstatat", unix.SYS_STATFS: "statfs", unix.SYS_GETDENTS64: "getdents64",
	unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FCHOWNAT: "fchownat", unix.SYS_RENAME: "rename",
}

// fault is the nth call of a number, by any process of a run, that answers an errno.
type fault struct {
	call  uint64
	nth   int
	errno unix.Errno
}

func (f fault) String() string {
	return fmt.Sprintf("%s:%s:%d", faults[f.call], unix.ErrnoName(f.errno), f.nth)
}

// TestFaults lets one system call after the other fail. labrun must say so, call no
// failure of its own a failed cell, end, and leave nothing. LABRUN_FAULTS chooses
// them: a regular expression for mount:ENOMEM:3 and the like; without it some are tried.
func TestFaults(t *testing.T) {
	needNetNS(t)
	choice := os.Getenv("LABRUN_FAULTS")
	counts := map[uint64]int{}
	if said := inject(t, fault{}, counts); said.status != 0 {
		t.Fatalf("without a fault: exit status %d:\n%s", said.status, said.out)
	}
	var all []fault
	for _, call := range slices.Sorted(maps.Keys(faults)) {
		for n := range counts[call] {
			for _, errno := range []unix.Errno{unix.EINTR, unix.ENOMEM} {
				all = append(all, fault{call, n + 1, errno})
			}
		}
	}
	if choice == "" {
		const some = 30
		for i := range times(some) {
			all[i] = all[i*len(all)/times(some)]
		}
		all = all[:times(some)]
		for n := range times(10) { // the answers to the change of a link are among the last
			all = append(all, fault{unix.SYS_RECVFROM, counts[unix.SYS_RECVFROM] - n, unix.EINTR})
		}
	} else {
		chosen := regexp.MustCompile(choice)
		all = slices.DeleteFunc(all, func(f fault) bool { return !chosen.MatchString(f.String()) })
	}
	for _, f := range all {
		t.Run(f.String(), func(t *testing.T) {
			mounts := read(t, "/proc/self/mountinfo")
			said := inject(t, f, nil)
			ok := said.status == 0 || said.status == exitError && regexp.MustCompile(`(?m)^labrun: |^ERROR `).MatchString(said.out)
			if !ok || strings.Contains(said.out, "goroutine ") {
				t.Errorf("exit status %d in %s:\n%s", said.status, said.where, said.out)
			}
			if after := read(t, "/proc/self/mountinfo"); after != mounts {
				t.Errorf("mounts were:\n%s\nand are:\n%s", mounts, after)
			}
		})
	}
}

// said is what a run with a fault did.
type said struct {
	status int
	out    string
	where  string // the process that met it
}

// inject runs labrun with a fault. It counts the calls when it is given a map.
func inject(t *testing.T, f fault, counts map[uint64]int) said {
	t.Helper()
	dir := t.TempDir()
	file, saved := filepath.Join(dir, "lab.yaml"), filepath.Join(dir, "report.json")
	write(t, file, small)
	write(t, saved, "old")
	var out bytes.Buffer
	cmd := labrun(t, "-j", "1", "-o", saved, file)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	var result said
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the tracer is a thread; PTRACE_O_EXITKILL ends what it leaves
		err := cmd.Start()
		if err == nil {
			tr := tracer{fault: f, counts: counts, root: cmd.Process.Pid, failing: map[int]bool{}, foreign: map[int]bool{}, seen: map[int]bool{}, loaded: map[int]bool{}}
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
	if got := names(t, dir); got != "lab.yaml report.json" {
		t.Errorf("files left: %s", got)
	} else if b := read(t, saved); b != "old" && !strings.HasSuffix(b, "}\n") {
		t.Errorf("the report is not whole: %.100q", b)
	}
	return result
}

// tracer is the ptrace(2) of a run with all its processes.
type tracer struct {
	fault
	counts  map[uint64]int
	root    int
	status  unix.WaitStatus // of the root
	where   string
	met     int
	failing map[int]bool // whose call is not made
	foreign map[int]bool // other programs than labrun
	seen    map[int]bool
	loaded  map[int]bool // by ld.so(8)
}

func (tr *tracer) trace() error {
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
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
				if err := unix.PtraceSetOptions(pid, options); err != nil {
					return fmt.Errorf("ptrace: %w", err)
				}
			}
		case s == unix.SIGTRAP|0x80:
			tr.stop(pid)
		case status.TrapCause() == unix.PTRACE_EVENT_EXEC:
			exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // "/memfd:labrun (deleted)", or the test's program
			tr.loaded[pid] = false
			tr.foreign[pid] = !strings.Contains(exe, "labrun")
		case status.TrapCause() > 0: // a clone
		case s != unix.SIGTRAP:
			signal = int(s)
		}
		_ = unix.PtraceSyscall(pid, signal) // it may have been killed
	}
}

// isLoading reports whether it is ld.so(8) that makes a process's call, before labrun
// begins: what that says when it fails is not labrun's.
func (tr *tracer) isLoading(pid int, ip uint64) bool {
	if tr.loaded[pid] {
		return false
	}
	maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid)) // it may have been killed
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		if n, _ := fmt.Sscanf(line, "%x-%x", &from, &to); n == 2 && from <= ip && ip < to {
			if strings.Contains(line, "/ld-") {
				return true
			}
			break
		}
	}
	tr.loaded[pid] = true
	return false
}

// stop is at the beginning or the end of a system call.
func (tr *tracer) stop(pid int) {
	var info struct { // struct ptrace_syscall_info of linux/ptrace.h
		op     uint8
		_      [7]byte
		ip     uint64
		_      [8]byte
		number uint64
		_      [64]byte
	}
	const getInfo, entry, exit = 0x420e, 1, 2
	n, _, _ := unix.Syscall6(unix.SYS_PTRACE, getInfo, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if n == 0 || n > 1<<20 {
		return // it was killed
	}
	switch {
	case info.op == entry && !tr.foreign[pid] && !tr.isLoading(pid, info.ip):
		if tr.counts != nil {
			tr.counts[info.number]++
		}
		if info.number != tr.call || tr.nth == 0 {
			return
		}
		if tr.met++; tr.met == tr.nth {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			tr.where = strings.ReplaceAll(string(name), "\x00", " ")
			tr.failing[pid] = tr.set(pid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
		}
	case info.op == exit && tr.failing[pid]:
		tr.failing[pid] = false
		tr.set(pid, func(r *unix.PtraceRegs) { r.Rax = -uint64(tr.errno) })
	}
}

func (tr *tracer) set(pid int, change func(*unix.PtraceRegs)) bool {
	var r unix.PtraceRegs
	if unix.PtraceGetRegs(pid, &r) != nil {
		return false
	}
	change(&r)
	return unix.PtraceSetRegs(pid, &r) == nil
}
