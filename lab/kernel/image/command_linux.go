package image

import (
	"os/exec"
	"runtime"
	"syscall"
)

// endWithParent has the kernel end a program with the thread that starts it (PR_SET_PDEATHSIG), so that
// none is left of a labrun that is killed.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// onOneThread calls f on a thread that lives until f returns.
func onOneThread(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return f()
}
