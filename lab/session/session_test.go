package session

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/topology"
)

const hosts = `name: two
networks: {red: 192.0.2.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}}}
  beta: {nics: {eth0: {network: red, as: x}}}
`

var hostsSource = topology.Source{File: "two.yaml", Text: []byte(hosts)}

func newSession(t *testing.T) *Session {
	t.Helper()
	s, err := New("try", hostsSource, "alpha")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAsk leaves what has an answer, or a mistake, as it is: places in complaints are those of what was typed.
func TestAsk(t *testing.T) {
	const strace = `bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("0.0.0.0")}, 16)`
	for line, want := range map[string]string{
		"bind(a, x:80)":                                      "bind(a, x:80) = ?",
		"  peer/web: listen(w, 5) # so":                      "  peer/web: listen(w, 5) = ? # so",
		"bind(a, x:80) = EADDRINUSE":                         "bind(a, x:80) = EADDRINUSE",
		"sockets(x:80) ~ LISTEN":                             "sockets(x:80) ~ LISTEN",
		`send(a, "# = ?")`:                                   `send(a, "# = ?") = ?`,
		"together(close(a), close(b))":                       "together(close(a), close(b)) = ?",
		"{main: close(a), limit: 2s}":                        "{main: close(a), limit: 2s}",
		"a = soket(tcp)":                                     "a = soket(tcp)",
		"socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3":      "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3",
		"listen(3, 5)                            = 0":        "listen(3, 5)                            = 0",
		strace + " = -1 EADDRINUSE (Address already in use)": strace + " = -1 EADDRINUSE (Address already in use)",
		"":          "",
		"# nothing": "# nothing",
		"bind(a, any6:80) = ok [EADDRINUSE on linux < 6.2]": "bind(a, any6:80) = ok [EADDRINUSE on linux < 6.2]",
	} {
		if got := ask(line); got != want {
			t.Errorf("%q is asked as %q, want %q", line, got, want)
		}
	}
}

// TestLoad has a session whose open calls take any answer, and wait no longer than a person does.
func TestLoad(t *testing.T) {
	s := newSession(t)
	top, err := s.Load([]string{"a = socket(tcp)", "", "listen(a, 1) = ok", "b = accept(a)", "connect(a, peer.x:80)"})
	if err != nil {
		t.Fatal(err)
	}
	type step struct {
		Call, Want string
		Limit      string
		Line       int
	}
	var got []step
	for x := range top.Experiment(Experiment).Steps() {
		got = append(got, step{x.Call.String(), x.Want.String(), x.Limit.String(), s.Line(x.Pos.Line)})
	}
	want := []step{{"a = socket(tcp)", "?", "0s", 0}, {"listen(a, 1)", "ok", "0s", 2}, {"b = accept(a)", "?", "1s", 3},
		{"connect(a, peer.x:80)", "?", "0s", 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestMistakes have the lines and columns of what was typed, within messages too.
func TestMistakes(t *testing.T) {
	_, err := newSession(t).Load([]string{"a = socket(tcp)", "close(a)", "\tclose(a)"})
	if want := `try:3:8: socket "a" of process "main" was closed on line 2`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestWords have the places of a reason that a kernel gives.
func TestWords(t *testing.T) {
	s := newSession(t)
	_, before := s.text(Experiment, nil)
	for text, want := range map[string]string{
		"try:LINE:7: close(c): there is no socket c, line LINE answered blocked": "try:1:1: close(c): there is no socket c, line 1 answered blocked",
		"two.yaml:LINE:7: as it is":              "two.yaml:LINE:7: as it is",
		"sysctl on line 2, of the hosts":         "sysctl on line 2, of the hosts",
		"line 99999999999999999999 has no place": "line 99999999999999999999 has no place",
	} {
		first := strings.NewReplacer("LINE", lineOf(before+1))
		if got := s.Words(first.Replace(text)); got != first.Replace(want) {
			t.Errorf("%q became %q, want %q", first.Replace(text), got, want)
		}
	}
}

func lineOf(n int) string { return lab.Pos{Line: n}.Words()[len("line "):] }

// TestFileOfKernels: conditions are those that --accept writes, and kernels of one version leave the answer open.
func TestFileOfKernels(t *testing.T) {
	for kernels, want := range map[string]string{
		"5.4.1 ok, 6.1.9 EADDRINUSE, 6.2.4 ok":       "bind(a, any:80) = ok [EADDRINUSE on linux >= 6.1 < 6.2]",
		"6.2.4 ok, 5.4.1 EINVAL":                     "bind(a, any:80) = ok [EINVAL on linux < 6.2]",
		"6.1.9 ok, 6.1.9 EADDRINUSE":                 "bind(a, any:80) = ? # kernels of one version differ: linux 6.1.9 ok, linux 6.1.9 EADDRINUSE",
		"6.1.9 EADDRINUSE, 6.2.1 EADDRINUSE":         "bind(a, any:80) = EADDRINUSE",
		"6.1.9 ok, 6.2.1 ok":                         "bind(a, any:80)",
		"6.1.9 ok, 6.1.40 EADDRINUSE, 6.12.1 EINVAL": "bind(a, any:80) = EINVAL [ok on linux < 6.1.40] [EADDRINUSE on linux < 6.12]",
	} {
		var all []Answers
		for _, one := range strings.Split(kernels, ", ") {
			version, answer, _ := strings.Cut(one, " ")
			v, err := lab.ParseKernelVersion(version)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, Answers{Version: v, Lines: map[int]string{0: "ok", 1: answer}})
		}
		got, err := newSession(t).File("kept", []string{"a = socket(tcp)", "bind(a, any:80)"}, all)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Split(strings.TrimSpace(string(got)), "\n"); strings.TrimSpace(lines[len(lines)-1]) != want {
			t.Errorf("%s: %s, want %s", kernels, lines[len(lines)-1], want)
		}
	}
}

// TestFile writes what kernels answered: once where they agree, by version where they do not, and a name for what
// the kernel chose.
func TestFile(t *testing.T) {
	s := newSession(t)
	lines := []string{"a = socket(tcp)", "bind(a, x:0)", "getsockname(a)", "b = socket(tcp)", "bind(b, any:80) # why",
		"listen(b, 1) = ok", "close(b)"}
	old := Answers{Version: lab.KernelVersion{5, 10, 46}, Lines: map[int]string{
		0: "ok", 1: "ok", 2: "x:ephemeral", 3: "ok", 4: "EADDRINUSE", 5: "ok", 6: "ok"}}
	middle := old
	middle.Version = lab.KernelVersion{6, 1, 0}
	last := Answers{Version: lab.KernelVersion{6, 18, 3}, Red: map[int]bool{5: true}, Lines: map[int]string{
		0: "ok", 1: "ok", 2: "x:ephemeral", 3: "ok", 4: "ok", 5: "EINVAL"}}
	got, err := s.File("kept", lines, []Answers{last, old, middle})
	if err != nil {
		t.Fatal(err)
	}
	_, steps, _ := strings.Cut(string(got), "steps: |\n")
	want := `      a = socket(tcp)
      bind(a, x:0)
      getsockname(a) = x:$p1
      b = socket(tcp)
      bind(b, any:80) = ok [EADDRINUSE on linux < 6.18] # why
      listen(b, 1) = EINVAL [ok on linux < 6.18]
      close(b)
`
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
	if _, err := topology.Load(topology.Source{File: "kept", Text: got}); err != nil {
		t.Error(err)
	}
}
