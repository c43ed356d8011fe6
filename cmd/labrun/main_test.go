package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"labrun/lab/fabric"
	"labrun/lab/process"
)

func TestMain(m *testing.M) {
	process.Main()
	testscript.Main(m, map[string]func(){
		"labrun": func() { os.Exit(command{stdout: os.Stdout, stderr: os.Stderr}.run(os.Args[1:])) },
	})
}

// needNetNS skips a test where no network namespace can be made, with the
// command that makes it run. With LABRUN_NETNS=required that is a failure.
func needNetNS(t testing.TB) {
	t.Helper()
	err := fabric.Probe()
	switch {
	case err == nil:
	case os.Getenv("LABRUN_NETNS") == "required":
		t.Fatalf("LABRUN_NETNS=required: %v", err)
	default:
		t.Skipf("no network namespaces here (%v); type: go test -exec 'unshare -Urn' ./cmd/labrun", err)
	}
}

// TestScript runs testdata/script over the real command.
func TestScript(t *testing.T) {
	needNetNS(t)
	topologies, err := filepath.Abs("../../topologies")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("LABRUN_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TOPOLOGIES", topologies)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" { // root of the machine, not of a user namespace
				ok, err := process.UserExists(1000)
				return ok && os.Geteuid() == 0, err
			}
			return false, nil
		},
	})
}

// labrun returns the command as another program would start it.
func labrun(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "labrun"
	return cmd
}
