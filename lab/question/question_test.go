package question

import (
	"fmt"
	"testing"

	"labrun/lab"
	"labrun/lab/topology"
)

// mustParse reads a file with the hosts alpha and beta and these experiments.
func mustParse(t testing.TB, experiments string) *lab.Topology {
	t.Helper()
	top, err := topology.Load(topology.Source{File: "trial.yaml", Text: []byte(`
name: trial
networks: {red: 192.0.2.0/24, blue: 198.51.100.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
  beta:  {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
` + experiments)})
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// mustAsk returns the question of the first experiment in alpha.
func mustAsk(t *testing.T, top *lab.Topology) *Question {
	t.Helper()
	q, err := Of(top, &top.Experiments[0], "alpha")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestSharedLabIsChanged has cells that change more than sockets: they never share.
func TestSharedLabIsChanged(t *testing.T) {
	for _, steps := range []string{
		`sysctl(net.ipv4.ip_forward, "1")`, "addr_add(eth0, 192.0.2.9/24)", "exit()", "seteuid(0)", "fork(child)",
		"exec()",
	} {
		top := mustParse(t, fmt.Sprintf("experiments: {e: {axes: {a: [b, c]}, steps: ['${a} = socket(tcp)', '%s']}}",
			steps))
		if mustAsk(t, top).Shares {
			t.Errorf("%s: its cells would share a lab", steps)
		}
	}
	for _, steps := range []string{
		`["u = socket(unix)", 'bind(u, "s")']`, `["u = socket(sctp)"]`,
		`["u = socket(tcp)", 'sendto(u, "x", x:80, MSG_FASTOPEN)']`,
		`["u = socket(tcp)", "setsockopt(u, SOL_TCP:23, 5)"]`, // TCP_FASTOPEN by its number
		`["u = socket(tcp6)", "setsockopt(u, IPV6_FLOWLABEL_MGR, bytes(00))"]`,
		`[run: "true"]`, `["u = socket(udp)", "connect(u, x:9)", 'send(u, "x") = ?']`,
	} {
		top := mustParse(t, fmt.Sprintf("experiments: {e: {axes: {a: [b, c]}, steps: [{main: ['${a} = "+
			"socket(tcp)']}, {main: %s}]}}", steps))
		if mustAsk(t, top).Shares {
			t.Errorf("%s: its cells would share a lab", steps)
		}
	}
}
