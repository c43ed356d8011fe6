package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	beProcess()
	testscript.Main(m, map[string]func(){
		"labrun": func() { os.Exit(execute(rootCommand(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// needNetNS skips a test where labrun, which makes itself a user namespace where
// it has to, can make no network namespace; what it prints has the command to
// type. With LABRUN_NETNS=required that is a failure.
func needNetNS(t testing.TB) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "probe.yaml")
	const probe = "name: probe\nnetworks: {red: 192.0.2.0/24}\nhosts: {alpha: {nics: {eth0: {network: red}}}}\n"
	if err := os.WriteFile(file, []byte(probe), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := labrun(t, file).CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("LABRUN_NETNS") == "required":
		t.Fatalf("LABRUN_NETNS=required: %v: %s", err, out)
	default:
		t.Skipf("%v: %s", err, out)
	}
}

// TestScript runs testdata/script over the real command.
func TestScript(t *testing.T) {
	needNetNS(t)
	topologies, err := filepath.Abs("../../topologies")
	if err != nil {
		t.Fatal(err)
	}
	keepDescriptors(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("LABRUN_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TOPOLOGIES", topologies)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" { // root of the machine, not of a user namespace
				return os.Geteuid() == 0 && !inUserNamespace(), nil
			}
			return false, nil
		},
	})
}

// keepDescriptors keeps from commands what the caller of go test has left open: some
// scripts allow them so many descriptors and no more.
func keepDescriptors(t *testing.T) {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range dir {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// labrun returns the command as another program would start it, and not as a
// workflow on GitHub does, whatever runs this test.
func labrun(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "labrun"
	cmd.Env = append(os.Environ(), "GITHUB_ACTIONS=")
	return cmd
}
