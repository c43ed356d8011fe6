package fabric

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// procfsVar is set in a program that WritableProcfs has started anew.
const procfsVar = "LABRUN_PROCFS"

// WritableProcfs returns nil when parameters of hosts can be set. Engines of containers make /proc/sys read-only, and
// mount over other parts of /proc: there this program starts anew, as the same process, in a mount namespace with a
// procfs as the kernel has it, and WritableProcfs does not return. What was read from standard input is lost then.
//
// It takes CAP_SYS_ADMIN. In a user namespace the kernel mounts no procfs that shows more than those that are there
// (mount_too_revealing in fs/namespace.c), so an engine has to leave /proc alone for that.
func WritableProcfs() error {
	var st unix.Statfs_t
	if err := unix.Statfs("/proc/sys", &st); err != nil {
		return &os.PathError{Op: "statfs", Path: "/proc/sys", Err: err}
	}
	if st.Flags&unix.ST_RDONLY == 0 {
		return nil
	}
	const why = "/proc/sys is read-only, as containers have it, and hosts have parameters there"
	if os.Getenv(procfsVar) != "" {
		return errors.New(why + "; it still is in a procfs of labrun's own")
	}
	// The thread is never unlocked: it has another view than the program, until exec makes the program of it.
	runtime.LockOSThread()
	if err := mountProcfs(); err != nil {
		return fmt.Errorf("%s; labrun cannot mount a procfs of its own: %w; in Kubernetes the container needs procMount: "+
			"Unmasked, or to run as root with the capability SYS_ADMIN", why, err)
	}
	const self = "/proc/self/exe"
	return &os.PathError{Op: "exec", Path: self, Err: unix.Exec(self, os.Args, append(os.Environ(), procfsVar+"=1"))}
}

// mountProcfs mounts a new procfs over /proc, for this thread alone.
func mountProcfs() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare --mount: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount --make-rprivate /: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount -t proc: %w", err)
	}
	return nil
}
