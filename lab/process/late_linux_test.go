package process

import (
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// TestLate has calls whose process is not let run until their limit has passed: what
// came in time is the answer.
func TestLate(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	for _, e := range []struct {
		answers []unix.Errno
		want    reply
	}{
		{[]unix.Errno{unix.EINPROGRESS, 0}, reply{Outcome: lab.OK}},
		{[]unix.Errno{unix.EINPROGRESS, unix.ECONNREFUSED}, reply{Outcome: lab.Failed, Errno: "ECONNREFUSED"}},
		{[]unix.Errno{unix.EINPROGRESS, unix.EALREADY}, reply{Outcome: lab.Blocked}},
		{[]unix.Errno{unix.EAGAIN, unix.EINTR, unix.EAGAIN}, reply{Outcome: lab.Blocked}},
	} {
		a := &agent{}
		a.watched.Do(func() {}) // there is no keeper
		calls := 0
		got := bounded(a, pair[0], unix.SO_RCVTIMEO, 0, 0, func() unix.Errno { // the limit has passed before every answer
			calls++
			return e.answers[calls-1]
		})
		if got.Outcome != e.want.Outcome || got.Errno != e.want.Errno || calls != len(e.answers) {
			t.Errorf("%v: %+v after %d calls, want %+v", e.answers, got, calls, e.want)
		}
	}
}
