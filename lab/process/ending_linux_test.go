package process

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestIsEnding has a process that has ended and is not reaped, and one that lives.
func TestIsEnding(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if !isEnding(cmd.Process.Pid) {
		t.Error("a zombie is not ending")
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if isEnding(os.Getpid()) {
		t.Error("the test is ending")
	}
}
