package why_test

import (
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/topology"
	"labrun/lab/why"
)

// two is the hosts of most tests: two NICs each, and a process that is not root's, which makes a socket first.
const two = `
name: two
networks:
  red:  {subnet: 192.0.2.0/24, subnet6: 2001:db8:a::/64}
  blue: {subnet: 198.51.100.0/24, subnet6: 2001:db8:b::/64}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
  beta:  {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
experiments:
  e:
    hosts: [alpha]
    processes: {user: {user: 1000}}
    steps: |
      user: z = socket(tcp)
      `

// asked returns the question of some steps, each "CALL = ANSWER", and the answers.
func asked(t *testing.T, steps ...string) (*question.Question, []string) {
	t.Helper()
	text := two + strings.Join(steps, "\n      ") + "\n"
	top, err := topology.Load(topology.Source{File: "two.yaml", Text: []byte(text)})
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	q, err := question.Of(top, &top.Experiments[0], "alpha")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range q.StepsOf(0) {
		got = append(got, s.On(lab.Kernel{}).Answer.String())
	}
	return q, got
}

// TestConflict: the sentence names the socket in the way and the condition.
func TestConflict(t *testing.T) {
	q, got := asked(t, "a = socket(tcp)", "setsockopt(a, SO_REUSEADDR, 1)", "bind(a, x:80)", "listen(a, 5)",
		"b = socket(tcp)", "setsockopt(b, SO_REUSEADDR, 1)", "bind(b, any:80) = EADDRINUSE")
	r, ok := why.Of(q, 0, got, len(got)-1, nil)
	const want = "b asks for every IPv4 address of port 80, and a (x:80, LISTEN) has one of them; a listening socket " +
		"excludes SO_REUSEADDR's sharing (inet_csk_get_port, inet_bind_conflict; lesson reuseaddr)"
	if !ok || r.String() != want || len(r.Sockets) != 1 {
		t.Errorf("%v %q with %d sockets, want %q", ok, r, len(r.Sockets), want)
	}
}

// TestSocketsAsTheyWere: what later steps do to a socket does not change the reason of an earlier one.
func TestSocketsAsTheyWere(t *testing.T) {
	q, got := asked(t, "a = socket(tcp)", "bind(a, x:80)", "b = socket(tcp)", "bind(b, any:80) = EADDRINUSE",
		"listen(a, 5)",
		"close(a)")
	reasons := why.Each(q, 0, got, nil)
	r := reasons[len(reasons)-3]
	if len(r.Sockets) != 1 || r.Sockets[0].State != lab.StateBound || len(r.Sockets[0].Names) != 1 {
		t.Errorf("%s with %+v, want a socket that is bound and has a name", r, r.Sockets)
	}
}
