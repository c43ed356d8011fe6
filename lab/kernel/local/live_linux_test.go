package local_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/kernel/local"
	"labrun/lab/question"
	"labrun/lab/session"
	"labrun/lab/topology"
)

// TestLive makes calls as they come: a process begins when it is named first, a red answer ends nothing, ports that a
// call names are kept from the kernel's choice from then on, and a call that waits ends with its context.
func TestLive(t *testing.T) {
	if err := fabric.Probe(); err != nil {
		t.Skip(err)
	}
	const hosts = "name: two\nnetworks: {red: 192.0.2.0/24}\nhosts:\n" +
		"  alpha: {nics: {eth0: {network: red, as: x}}}\n  beta: {nics: {eth0: {network: red, as: x}}}\n"
	s, err := session.New("try", topology.Source{File: "two.yaml", Text: []byte(hosts)}, "alpha")
	if err != nil {
		t.Fatal(err)
	}
	var live *local.Live
	var lines []string
	ask := func(ctx context.Context, line string) ([]local.Reply, error) {
		t.Helper()
		lines = append(lines, line)
		top, err := s.Load(lines)
		if err != nil {
			t.Fatal(err)
		}
		if live == nil {
			if live, err = local.Begin(ctx, &top.Layout, "alpha"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = live.Close() })
		}
		q, err := question.Of(top, top.Experiment(session.Experiment), "alpha")
		if err != nil {
			t.Fatal(err)
		}
		return live.Ask(ctx, q, lab.Kernel{})
	}
	const reserved = "net.ipv4.ip_local_reserved_ports"
	ports := func() string {
		t.Helper()
		value, err := live.Host("alpha").ReadSysctl(reserved)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	type reply struct {
		line, got string
		red       bool
		ports     string
	}
	for _, want := range []reply{
		{"a = socket(tcp)", "ok", false, ""},
		{"bind(a, x:40000)", "ok", false, "40000"},
		{"listen(a, 5) = EINVAL", "ok", true, "40000"},
		{"peer/web: b = socket(tcp)", "ok", false, "40000"},
		{"peer/web: bind(b, x:40001)", "ok", false, "40000-40001"},
		{"peer/web: connect(b, subject.x:40000)", "ok", false, "40000-40001"},
		{`sysctl(net.ipv4.ip_local_reserved_ports, "7")`, "ok", false, "7"}, // which is the session's from now on
		{"bind(a, x:40002)", "EINVAL", false, "7"},
	} {
		replies, err := ask(t.Context(), want.line)
		if err != nil || len(replies) != 1 {
			t.Fatalf("%s: %v, %v", want.line, replies, err)
		}
		got := reply{want.line, replies[0].Got, replies[0].Red, ports()}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(reply{})); diff != "" {
			t.Error(diff)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if replies, err := ask(ctx, "{peer/web: recv(b), limit: 60s}"); err == nil || len(replies) > 0 {
		t.Errorf("a call that was cancelled answers %v, %v", replies, err)
	} else if !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}
