package local

import (
	"slices"
	"testing"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/question"
)

// TestSlow gives calls as much more time as the kernel is slower, in which the kernel's own timer ends each: so the
// answers tell which limit a call had, and no clock is looked at. One that is to be blocked has its own.
func TestSlow(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, `
experiments:
  call:
    steps:
      - a = socket(udp)
      - bind(a, x:80)
      - setsockopt(a, SO_RCVTIMEO, 300ms)
      - {main: recv(a) = EAGAIN, limit: 50ms}
  wait:
    steps:
      - a = socket(udp)
      - bind(a, x:80)
      - setsockopt(a, SO_RCVTIMEO, 300ms)
      - {main: recv(a) = blocked, limit: 50ms}
  program:
    steps:
      - {main: {run: sleep 0.3, limit: 50ms}}
`)
	k, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for i := range top.Experiments {
		e := &top.Experiments[i]
		q, err := question.Of(top, e, "alpha")
		if err != nil {
			t.Fatal(err)
		}
		for slow, want := range map[float64][]string{
			0:    {"call blocked", "wait blocked", "program blocked"},
			1:    {"call blocked", "wait blocked", "program blocked"},
			1000: {"call EAGAIN", "wait blocked", "program exit 0"},
		} {
			left := true
			k.Answer(t.Context(), kernel.Request{Question: q, Combos: q.Combos, On: lab.Kernel{Version: running}, Slow: slow,
				Next: func() (int, bool) { defer func() { left = false }(); return 0, left },
			}, func(_ int, a kernel.Answer) {
				if a.Skip != "" {
					t.Log(a.Skip)
					return
				}
				if a.Err != nil {
					t.Errorf("%s: %v", e.Name, a.Err)
					return
				}
				if got := e.Name + " " + a.Got[len(a.Got)-1]; !slices.Contains(want, got) {
					t.Errorf("%gx slower: %s, want one of %q", slow, got, want)
				}
			})
		}
	}
}
