package program

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
)

// Descriptors of the init of a program's namespaces, beside the pair's end.
const (
	exeFD    = child.ControlFD + 1 // what the init of a copied view is executed from: other numbers are taken before that
	setupFD  = child.ControlFD + 2
	tmpFD    = child.ControlFD + 3 // with runFD the lab's files, see Files.mounts
	runFD    = child.ControlFD + 4
	folderFD = child.ControlFD + 5
	sockFD   = child.ControlFD + 6 // with those behind it the program's sockets
)

// arg0Init is the argv[0] of the init of a program's PID namespace.
const arg0Init = "labrun-init"

// What the init of a program's PID namespace is to show it of the machine.
const (
	viewOwn  = "own"  // its files, and of the processes the program's own
	viewAll  = "all"  // its files and its processes
	viewCopy = "copy" // see view
)

// setup is passed from labrun to a program's init, as JSON in a memfd.
type setup struct {
	User      *uint32
	Hosts     string
	Dir       string
	Env       []string
	HasFiles  bool    // as tmpFD and runFD
	HasFolder bool    // as folderFD
	Sockets   int     // as sockFD and those behind it
	Self      ownFile // labrun's
	Shared    []string
}

// memfd returns a file in memory that says so.
func (s setup) memfd() (*os.File, error) {
	f, err := child.Memory("labrun-setup")
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(f).Encode(s); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readSetup reads it and closes its descriptor.
func readSetup() (s setup, err error) {
	in := os.NewFile(setupFD, "setup")
	defer in.Close()
	if err := json.NewDecoder(io.NewSectionReader(in, 0, math.MaxInt64)).Decode(&s); err != nil {
		return s, fmt.Errorf("read the setup: %w", err)
	}
	return s, nil
}

// initStart is how the init of a program's namespaces is started, in a host. Programs of
// experiments and of the user have one init: it gets its descriptors at the same places whichever
// of them it is given, so that no number has to be told.
type initStart struct {
	setup
	in    func(f func() error) error
	files *Files   // the lab's, which become the program's; may be nil
	given *os.File // becomes folderFD; may be nil
	env   []string
	exe   string
	argv  []string
	fds   [setupFD]uintptr // the standard ones, the pair's end, and exeFD
	how   *syscall.SysProcAttr

	sockets []*os.File // that the program is to have
}

const noFD = ^uintptr(0) // closed, to syscall.ForkExec

func (s initStart) start() (pid int, err error) {
	s.HasFiles, s.HasFolder = s.files != nil, s.given != nil
	s.Sockets = len(s.sockets)
	in, err := s.memfd()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	fds := append(s.fds[:], in.Fd(), noFD, noFD, noFD)
	if s.files != nil {
		tmp, run, err := s.files.mounts(s.in)
		if err != nil {
			return 0, err
		}
		defer tmp.Close()
		defer run.Close()
		fds[tmpFD], fds[runFD] = tmp.Fd(), run.Fd()
	}
	if s.given != nil {
		fds[folderFD] = s.given.Fd()
	}
	for _, f := range s.sockets {
		fds = append(fds, f.Fd())
	}
	s.how.Cloneflags |= unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS
	err = s.in(func() error {
		pid, err = child.Start(s.exe, s.argv, &syscall.ProcAttr{Env: s.env, Files: fds, Sys: s.how})
		return err
	})
	return pid, err
}

// placeFiles puts the mounts that an init was given in their places.
func placeFiles() error {
	defer unix.Close(tmpFD)
	defer unix.Close(runFD)
	return errors.Join(placeMount(tmpFD, "/tmp"), placeMount(runFD, "/run"))
}

// placeMount puts one of these mounts in its place.
func placeMount(fd int, path string) error {
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return &os.PathError{Op: "move_mount", Path: path, Err: err}
	}
	return nil
}
