package guest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"labrun/lab/child"
)

// slackMode has this program set its timers, and start another program that says what it has of them.
const slackMode = "LABRUN_TEST_SLACK"

func sayTimers() {
	if err := slackTimers(); errors.Is(err, os.ErrPermission) {
		fmt.Print("not permitted")
		return
	} else if err != nil {
		fmt.Print(err)
		return
	}
	for range 3 { // from whichever threads
		out, err := exec.Command("cat", "/proc/self/timerslack_ns").Output()
		fmt.Print(string(out), err, "\n")
	}
}

// TestTimers: the processes of a guest have its init's slack, whichever of its threads starts them.
func TestTimers(t *testing.T) {
	cmd := exec.Command(child.Self)
	cmd.Env = append(os.Environ(), slackMode+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	if string(out) == "not permitted" {
		t.Skip("the timers of other threads take CAP_SYS_NICE, which a guest's init has: sudo go test")
	}
	if want := strings.Repeat(fmt.Sprintf("%d\n<nil>\n", timerSlack), 3); string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
