package syntax

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"labrun/lab"
)

// compareSteps makes cmp see into netip's addresses.
var compareSteps = cmp.Options{cmpopts.EquateComparable(lab.Addr{}, lab.Prefix{}, lab.Membership{})}

func TestParseStep(t *testing.T) {
	call, want, err := ParseStep("bind(b, any6:80) = ok [EADDRINUSE on linux < 6.2]")
	if err != nil {
		t.Fatal(err)
	}
	wantCall := lab.Call{Name: "bind", Args: []lab.Arg{lab.Sock("b"),
		lab.Addr{Name: "any6", Port: lab.Port{Number: 80}}}}
	wantWant := lab.Want{
		{Answer: lab.Answer{Outcome: lab.Failed, Errno: "EADDRINUSE"},
			On: []lab.VersionBound{{Op: "<", Version: lab.KernelVersion{6, 2, 0}}}},
		{Answer: lab.Answer{Outcome: lab.OK}},
	}
	if diff := cmp.Diff(wantCall, call, compareSteps); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantWant, want, compareSteps); diff != "" {
		t.Error(diff)
	}
}

// TestStepErrors looks at the columns, which count characters.
func TestStepErrors(t *testing.T) {
	_, _, err := ParseStep(`sendto(é$, "日本", z-$:1) = EXX`)
	want := `8: "é$" is not a socket's name (letters, digits, '_', '-', not '-' first)
18: "z-$" is not a name for an address (letters, digits, '_', '-', a letter or '_' first)
27: unknown errno "EXX"`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestMissing looks at where a complaint about something missing points: at the mark beside it.
func TestMissing(t *testing.T) {
	for _, tt := range []struct {
		text string
		at   []int
	}{
		{"bind(a, )", []int{6}}, {"bind(, x:80)", []int{5}}, {"bind(a, ,)", []int{6, 8}}, {"close(a) =", []int{10}},
		{"close(a) = ok [EBADF on linux]", []int{29}}, {"close(a) = ok [ on linux < 6.2]", []int{14}},
	} {
		var at []int
		for _, m := range Parse(tt.text).Mistakes {
			at = append(at, m.At)
		}
		if !slices.Equal(at, tt.at) {
			t.Errorf("%s: mistakes at %v, want %v", tt.text, at, tt.at)
		}
	}
}

// printStep writes a step as a file does.
func printStep(c lab.Call, w lab.Want) string { return c.String() + " = " + w.String() }

func roundTrip(t *testing.T, call lab.Call, want lab.Want) {
	t.Helper()
	want = slices.Clone(want)
	for i := range want {
		want[i].Line = 0 // a step has no rules
	}
	text := printStep(call, want)
	call2, want2, err := ParseStep(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if diff := cmp.Diff(call, call2, compareSteps); diff != "" {
		t.Errorf("%s: %s", text, diff)
	}
	if diff := cmp.Diff(want, want2, compareSteps); diff != "" {
		t.Errorf("%s: %s", text, diff)
	}
}

// TestLongText has a text that is just short enough for a process's message, and
// one that is not.
func TestLongText(t *testing.T) {
	for n, good := range map[int]bool{maxText: true, maxText + 1: false} {
		_, _, err := ParseStep(`send(a, "` + strings.Repeat("x", n) + `")`)
		if (err == nil) != good {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
