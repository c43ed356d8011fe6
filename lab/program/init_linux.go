package program

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/orphan"
)

// Main is the whole life of the init of a program's namespaces, when this program was
// started as one; otherwise it returns at once. Call it first thing in main.
func Main() {
	if len(os.Args) >= 4 && os.Args[0] == arg0Init {
		initMain(os.Args[1], os.Args[2], os.Args[3], os.Args[4:])
	}
}

// initMain is PID 1 of a program's namespace: it makes the host's view of the
// machine, starts the program, reaps, and ends with it or with labrun.
func initMain(hostname, view, path string, argv []string) {
	if view == viewCopy {
		copyMain(hostname, argv)
	}
	go endWithLabrun()
	unix.CloseOnExec(child.ControlFD)
	signals := catch(unix.SIGCONT)
	s, err := readSetup()
	if shown := show(hostname, view, s); err == nil {
		err = shown
	}
	if path == "" && err == nil {
		holdMain()
	}
	files := []uintptr{0, 1, 2}
	if s.HasFolder {
		unix.CloseOnExec(folderFD)
		files = append(files, folderFD)
	}
	var pid int
	if err == nil {
		pid, err = child.Start(path, argv, &syscall.ProcAttr{Env: os.Environ(), Files: files})
	}
	if err != nil {
		if errors.Is(err, unix.ENOENT) && s.HasFiles && private(path) {
			err = fmt.Errorf("%w: /tmp and /run are the lab's here, without the machine's files", err)
		}
		fmt.Fprintf(os.Stderr, "labrun: %s: %v\n", cmp.Or(path, "host "+hostname), err)
		child.Exit(126)
	}
	go handOn(signals, pid)
	for {
		var status unix.WaitStatus
		reaped, err := unix.Wait4(-1, &status, unix.WUNTRACED, nil)
		switch {
		case err != nil || reaped != pid:
		case status.Stopped():
			// The terminal's ^Z: labrun gives the terminal back and stops as well.
			_, _ = unix.Write(child.ControlFD, []byte{0})
		default:
			child.Exit(exitStatus(status))
		}
	}
}

// holdMain says that all is ready, and reaps what has entered: orphans of a PID
// namespace are its init's.
func holdMain() {
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	if _, err := unix.Write(child.ControlFD, []byte{0}); err != nil {
		leave()
	}
	for range children {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if err != nil && !errors.Is(err, unix.EINTR) || pid == 0 {
				break
			}
		}
	}
}

// exitStatus returns a status as shells have it, where a signal is 128 and its number.
func exitStatus(w unix.WaitStatus) int {
	if w.Signaled() {
		return 128 + int(w.Signal())
	}
	return w.ExitStatus()
}

// endWithLabrun ends the namespace with everything in it when labrun's end of the
// pair is closed. If labrun was killed, only this init can end the connections.
func endWithLabrun() {
	for {
		if _, err := unix.Read(child.ControlFD, make([]byte, 1)); !errors.Is(err, unix.EINTR) {
			leave()
		}
	}
}

// leave ends the namespace with all that is in it.
func leave() {
	child.Leave(128+int(unix.SIGKILL), func() {
		_ = unix.Kill(-1, unix.SIGKILL) // they make no new ones
		orphan.Host{}.EndAll()
	})
}

// show gives the program /proc of its PID namespace, /sys of its network
// namespace, the host's name, and /tmp and /run of a lab that has them. Inside
// containers that hide parts of /proc or /sys the kernel refuses new ones
// (mount_too_revealing); the program then sees the machine's. It does not see the
// machine's /tmp in the place of the lab's: that is an error.
func show(hostname, view string, s setup) error {
	_ = unix.Sethostname([]byte(hostname))
	if err := detachMounts(); err != nil {
		if s.HasFiles {
			return err
		}
		return nil
	}
	if view == viewOwn {
		_ = mount("proc", "/proc", confined, "")
	}
	_ = mount("sysfs", "/sys", confined, "")
	_ = showSeeds() // without them there is still the rest
	if s.Hosts != "" {
		_ = showHosts(s.Hosts)
	}
	if s.HasFiles { // last: the others put things in /tmp on their way
		return placeFiles()
	}
	return nil
}

// showHosts puts a file with that text in the place of /etc/hosts. A file system
// in memory stands in the way of another one for as long as that takes.
func showHosts(text string) error {
	if err := mountTmpfs(baseDir, 0o755, tmpfsSize); err != nil {
		return err
	}
	defer unix.Unmount(baseDir, unix.MNT_DETACH) // the file's own mount keeps the file system
	file := filepath.Join(baseDir, "hosts")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	return bindMount(file, hostsFile)
}

// initMessage is what an init tells, one after the other: that the program runs, with a
// pidfd of it, or why not; and its end. labrun gets the pidfd from the init, which alone is sure
// that the number is still the program's.
type initMessage struct {
	Failed string `json:",omitempty"`
	Status int
}

// copyMain is initMain for programs of an experiment. It outlives the program,
// whose children may go on.
func copyMain(hostname string, argv []string) {
	// Only this thread gives up privileges, and a thread that the program traced
	// would give it those of the others: no process may trace this one, ptrace(2).
	runtime.LockOSThread()
	unix.Close(exeFD)
	err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	go endWithLabrun()
	// By which no signal is ignored in the program because labrun's caller ignores it: its calls are the experiment.
	signal.Notify(make(chan os.Signal, 1), unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT)
	var pid int
	if err == nil {
		pid, err = startCopy(hostname, argv)
	}
	var rights []byte
	if err == nil {
		var pidfd int
		if pidfd, err = unix.PidfdOpen(pid, 0); err == nil {
			rights = unix.UnixRights(pidfd)
		}
	}
	if err != nil {
		tell(initMessage{Failed: err.Error()}, nil)
		child.Exit(1)
	}
	tell(initMessage{}, rights)
	for {
		var status unix.WaitStatus
		reaped, err := unix.Wait4(-1, &status, 0, nil)
		if reaped == pid {
			tell(initMessage{Status: exitStatus(status)}, nil)
		}
		if errors.Is(err, unix.ECHILD) {
			select {} // no process is left to make children
		}
	}
}

// tell sends a message, with a descriptor when there is one.
func tell(r initMessage, rights []byte) {
	b, err := json.Marshal(r)
	if err == nil {
		err = unix.Sendmsg(child.ControlFD, b, rights, nil, unix.MSG_NOSIGNAL)
	}
	if err != nil {
		leave() // labrun has gone, or will see that this has
	}
}

// startCopy makes the view and starts the program in it.
func startCopy(hostname string, argv []string) (pid int, err error) {
	s, err := readSetup()
	if err != nil {
		return 0, err
	}
	if err := keepDescriptors(); err != nil {
		return 0, err
	}
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return 0, fmt.Errorf("sethostname: %w", err)
	}
	unix.Umask(0)
	if err := makeView(s); err != nil {
		return 0, err
	}
	unix.Umask(0o022)
	for _, confine := range []func() error{dropPrivilege, filterCalls, limitResources} {
		if err := confine(); err != nil {
			return 0, err
		}
	}
	path, err := lookPath(argv[0], s.Env)
	if err != nil {
		return 0, err
	}
	if rel, err := filepath.Rel(s.Dir, path); err == nil && filepath.IsAbs(path) && filepath.IsLocal(rel) {
		path = shownAt(path)
	}
	// A session of its own has no terminal whose input it could feign.
	attr := &syscall.ProcAttr{Env: s.Env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true}}
	if s.User != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: *s.User, Gid: *s.User}
	}
	if s.Sockets > 0 {
		for i := range s.Sockets {
			attr.Files = append(attr.Files, uintptr(sockFD+i))
		}
		path, argv = listening(path, argv, s.Sockets)
	}
	pid, err = child.Start(path, argv, attr)
	for i := range s.Sockets {
		unix.Close(sockFD + i) // a listener is closed when the program has closed it
	}
	if err != nil {
		return 0, &os.PathError{Op: "exec", Path: path, Err: err}
	}
	return pid, nil
}

// listening returns the command that starts a program with sockets: it has to be told its own number, which
// is known only once it exists. The shell sets that, and becomes the program.
func listening(path string, argv []string, sockets int) (shell string, command []string) {
	set := fmt.Sprintf(`LISTEN_PID=$$ LISTEN_FDS=%d exec "$@"`, sockets)
	return "/bin/sh", append([]string{"sh", "-c", "export LISTEN_PID LISTEN_FDS; " + set, "sh", path}, argv[1:]...)
}

// keepDescriptors keeps those from the program that labrun's own caller left
// open, and this process's own.
func keepDescriptors() error {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range dir {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= child.ControlFD {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// lookPath finds a program as execvp(3) does.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, e := range env {
		if p, ok := strings.CutPrefix(e, "PATH="); ok {
			path = p
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if file := filepath.Join(dir, name); executable(file) {
			return file, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
