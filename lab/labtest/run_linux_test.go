package labtest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"labrun/lab/labtest"
)

// childVar names the file that TestChild runs, in a program that another test
// has started; unmainedVar is set where it does not call Main.
const (
	childVar    = "LABRUN_LABTEST_FILE"
	unmainedVar = "LABRUN_LABTEST_UNMAINED"
)

func TestMain(m *testing.M) {
	if os.Getenv(unmainedVar) != "" {
		os.Exit(m.Run())
	}
	labtest.Main(m)
}

func TestRun(t *testing.T) { labtest.Run(t, "testdata/ports.yaml") }

func TestOptions(t *testing.T) {
	labtest.Options{
		Hosts: []string{"beta"}, Jobs: 1,
		Only: []string{"two-listeners[first=any]"},
	}.Run(t, "testdata/ports.yaml")
}

// TestChild is for the tests below, which start it.
func TestChild(t *testing.T) {
	if file := os.Getenv(childVar); file != "" {
		labtest.Run(t, file)
	}
}

// child runs TestChild of a file in a program of its own, and returns what go test
// would show.
func child(t *testing.T, file, timeout string, env ...string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestChild$", "-test.v", "-test.timeout="+timeout)
	cmd.Env = append(append(os.Environ(), childVar+"=testdata/"+file), env...)
	out, err := cmd.CombinedOutput()
	if passed := !strings.Contains(string(out), "--- FAIL"); passed != (err == nil) {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

func mustMatch(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("no %s in\n%s", p, text)
		}
	}
}

// TestVerdicts shows that each verdict is the test's, with what explains it.
func TestVerdicts(t *testing.T) {
	labtest.NeedNetNS(t)
	out := child(t, "verdicts.yaml", "10m")
	mustMatch(t, out,
		`--- PASS: TestChild/verdicts/passes/alpha `,
		`--- FAIL: TestChild/verdicts/fails/alpha `,
		`--- SKIP: TestChild/verdicts/skipped/alpha `,
		`--- FAIL: TestChild/verdicts/unmade/alpha `,
		`verdicts.yaml:7: main: bind\(b, x:80\) \[192.0.2.1\]\n +wanted  ok\n +got +EADDRINUSE\n +held by tcp LISTEN x:80 on host alpha, process main \(a\)`,
		`labrun shell --after fails testdata/verdicts.yaml alpha`,
		`no-such-program-at-all`,
		`labrun could not ask\n.*there is no socket b`)
}

// TestInclude shows that experiments of another file are tests too, and fail with its name.
func TestInclude(t *testing.T) {
	labtest.NeedNetNS(t)
	mustMatch(t, child(t, "include.yaml", "10m"),
		`--- PASS: TestChild/include/own/alpha `,
		`--- FAIL: TestChild/include/shared/alpha `,
		`testdata/shared/part.yaml:3: main: bind\(a, any:80\)\n +wanted  EADDRINUSE\n`,
		`labrun shell --after shared testdata/include.yaml alpha`)
}

func TestNamesOfCombinations(t *testing.T) {
	labtest.NeedNetNS(t)
	mustMatch(t, child(t, "ports.yaml", "10m"),
		`--- PASS: TestChild/ports/two-listeners\[first=any,option=none\] `,
		`--- PASS: TestChild/ports/two-listeners\[first=any,option=none\]/alpha `,
		`--- PASS: TestChild/ports/two-listeners\[first=any,option=none\]/beta `)
}

// TestTimeout shows that a run ends with reasons before go test ends it without: five
// seconds before, which a busy machine may need.
func TestTimeout(t *testing.T) {
	labtest.NeedNetNS(t)
	mustMatch(t, child(t, "slow.yaml", "12s"), `--- FAIL: TestChild/slow/sleeps/alpha `,
		`the time of -timeout was over`)
}

func TestMistake(t *testing.T) {
	mustMatch(t, child(t, "mistake.yaml", "10m"), `--- FAIL: TestChild `, `mistake.yaml:5:33: .*"tpc"`)
}

// TestForgottenMain is about processes that would otherwise run the tests again,
// and those theirs.
func TestForgottenMain(t *testing.T) {
	mustMatch(t, child(t, "ports.yaml", "10m", unmainedVar+"=1"), `--- FAIL: TestChild/ports `,
		`let TestMain call labtest.Main`)
}
