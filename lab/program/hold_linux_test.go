package program_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/program"
)

// TestHold enters what is held, and has all of it gone afterwards.
func TestHold(t *testing.T) {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		t.Skip("nsenter is not installed; on Debian: apt install util-linux")
	}
	l := newLab(t)
	program := program.Shell{In: l.Host("alpha").Do, Hostname: "alpha", Hosts: "192.0.2.9 somebody\n"}
	h, err := program.Hold()
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprint(h.PID)
	out, err := exec.Command(nsenter, "-m", "-u", "-n", "-p", "-t", id, "sh", "-c",
		"hostname; cat /etc/hosts; ls /sys/class/net; sleep 1000 >/dev/null 2>&1 & echo $!").CombinedOutput()
	const want = "alpha\n192.0.2.9 somebody\n"
	if err != nil || !strings.HasPrefix(string(out), want) || !strings.Contains(string(out), "eth0") {
		t.Errorf("%v: %s", err, out)
	}
	if b, err := os.ReadFile("/etc/hosts"); err == nil && strings.Contains(string(b), "somebody") {
		t.Error("the machine has the lab's /etc/hosts")
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(h.PID, 0); err == nil {
		t.Errorf("process %d is still there", h.PID)
	}

	if h, err = program.Hold(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(h.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.Ended():
	case <-time.After(2 * time.Minute):
		t.Error("nobody has noticed that the process is dead")
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
