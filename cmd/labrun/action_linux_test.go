package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const actionFile = "../../.github/actions/labrun/action.yml"

// compositeAction is what GitHub takes as a composite action, and no other keys.
type compositeAction struct {
	Name, Description string
	Inputs            map[string]struct {
		Description string
		Required    bool
		Default     string
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []actionStep
	}
}

type actionStep struct {
	Name, ID, If, Uses, Shell, Run string
	With, Env                      map[string]string
}

// readAction reads the action; a key that GitHub does not know fails the test.
func readAction(t *testing.T) compositeAction {
	t.Helper()
	var a compositeAction
	d := yaml.NewDecoder(strings.NewReader(read(t, actionFile)))
	d.KnownFields(true)
	if err := d.Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

var (
	ofInputs = regexp.MustCompile(`inputs\.([a-z0-9_-]+)`)
	ofSteps  = regexp.MustCompile(`steps\.([a-z0-9_-]+)\.outputs\.([a-z0-9_-]+)`)
)

// TestActionFile: actionlint looks at workflows, so what it would say of an action is said here: every input that is
// named is one and every input is named, every output comes from a step, and a script has a shell.
func TestActionFile(t *testing.T) {
	a := readAction(t)
	if a.Name == "" || a.Description == "" || a.Runs.Using != "composite" {
		t.Errorf("%q, %q, using %q", a.Name, a.Description, a.Runs.Using)
	}
	named := map[string]bool{}
	for _, m := range ofInputs.FindAllStringSubmatch(read(t, actionFile), -1) {
		named[m[1]] = true
		if _, ok := a.Inputs[m[1]]; !ok {
			t.Errorf("there is no input %s", m[1])
		}
	}
	for name, input := range a.Inputs {
		if !named[name] || input.Description == "" {
			t.Errorf("input %s is not used, or not described", name)
		}
	}
	for name, output := range a.Outputs {
		m := ofSteps.FindStringSubmatch(output.Value)
		if m == nil || !slices.ContainsFunc(a.Runs.Steps, func(s actionStep) bool {
			return s.ID == m[1] && strings.Contains(s.Run, m[2]+"=%s") && strings.Contains(s.Run, "GITHUB_OUTPUT")
		}) {
			t.Errorf("output %s: no step writes %s", name, output.Value)
		}
	}
	for _, s := range a.Runs.Steps {
		if (s.Run == "") == (s.Uses == "") || s.Run != "" && s.Shell != "bash" {
			t.Errorf("%q is neither a script with a shell nor another action", s.Name)
		}
		if strings.Contains(s.Run, "${{") { // which GitHub would put into the script as it is, quotes and all
			t.Errorf("%q has an expression in its script", s.Name)
		}
		if s.Uses != "" && !regexp.MustCompile(`^[\w-]+/[\w/-]+@v\d+$`).MatchString(s.Uses) {
			t.Errorf("%s has no version", s.Uses)
		}
	}
}

// actionRun is a run of the action's scripts as a runner makes one.
type actionRun struct {
	t      *testing.T
	dir    string // where the caller's repository is
	temp   string
	inputs map[string]string
}

// file returns the path of a file that GitHub gives a step.
func (r actionRun) file(name string) string { return filepath.Join(r.temp, name) }

// step runs the script of the step of that name.
func (r actionRun) step(name string) (string, error) {
	r.t.Helper()
	a := readAction(r.t)
	i := slices.IndexFunc(a.Runs.Steps, func(s actionStep) bool { return s.Name == name })
	if i < 0 {
		r.t.Fatalf("no step %q", name)
	}
	step := a.Runs.Steps[i]
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
	cmd.Dir = r.dir
	path, err := os.ReadFile(r.file("path"))
	if err != nil {
		path = nil // no step has written any
	}
	folder, err := filepath.Abs(filepath.Dir(actionFile))
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "GITHUB_ACTIONS=true", "RUNNER_TEMP="+r.temp, "GITHUB_PATH="+r.file("path"),
		"GITHUB_OUTPUT="+r.file("output"), "GITHUB_STEP_SUMMARY="+r.file("summary"), "GITHUB_WORKSPACE="+r.dir,
		"GITHUB_ACTION_PATH="+folder, "PATH="+strings.ReplaceAll(string(path), "\n", ":")+os.Getenv("PATH"))
	for name, value := range step.Env {
		value = regexp.MustCompile(`\$\{\{ *inputs\.([a-z0-9_-]+).*?\}\}`).ReplaceAllStringFunc(value, func(text string) string {
			input := ofInputs.FindStringSubmatch(text)[1]
			if given, ok := r.inputs[input]; ok {
				return given
			}
			return a.Inputs[input].Default
		})
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

const actionTopology = `name: NAME
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}
experiments:
  one: {steps: [a = socket(tcp), "bind(a, x:80)"]}
  two: {steps: [a = socket(tcp), "bind(a, x:80) = EACCES"]}
`

// releases serves a release: this program. It answers only what is asked for by the names that .ci/release gives.
func releases(t *testing.T, sums string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	file := "labrun-v0.0.1-linux-" + runtime.GOARCH
	if sums == "" {
		sums = fmt.Sprintf("%x  %s\n", sha256.Sum256(program), file)
	}
	served := map[string][]byte{"/v0.0.1/" + file: program, "/v0.0.1/SHA256SUMS": []byte(sums)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := served[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(text) // curl says what is missing
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// newActionRun returns a run in a repository with two topologies.
func newActionRun(t *testing.T, inputs map[string]string) actionRun {
	t.Helper()
	r := actionRun{t: t, dir: t.TempDir(), temp: t.TempDir(), inputs: inputs}
	for _, name := range []string{"first", "second"} {
		write(t, filepath.Join(r.dir, name+".yaml"), strings.Replace(actionTopology, "NAME", name, 1))
	}
	return r
}

// TestAction runs the scripts of the action on this machine: a release is fetched and its checksum looked at, then
// topologies are run.
func TestAction(t *testing.T) {
	needNetNS(t)
	for _, program := range []string{"bash", "curl", "xargs", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	r := newActionRun(t, map[string]string{"version": "v0.0.1", "releases": releases(t, ""), "files": "*.yaml",
		"args": `--only "o?e" -v`, "kernels": "host"})
	if out, err := r.step("Install labrun"); err != nil || !strings.Contains(out, "labrun ") {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := r.step("Run topologies")
	if err != nil || !strings.Contains(out, "2 passed, 0 failed, 0 skipped") {
		t.Errorf("%v\n%s", err, out)
	}
	if summary := read(t, r.file("summary")); !strings.Contains(summary, "## labrun: 2 passed, 0 failed, 0 skipped") {
		t.Errorf("the summary is\n%s", summary)
	}
	for line := range strings.Lines(read(t, r.file("output"))) {
		_, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		if !strings.Contains(read(t, file), "second") {
			t.Errorf("%s has no report", file)
		}
	}

	r.inputs["args"], r.inputs["files"] = "", "first.yaml\nsecond.yaml"
	if out, err := r.step("Run topologies"); exitCode(err) != exitFailed || !strings.Contains(out, "::error file=second.yaml,line=6") {
		t.Errorf("red cells: %v\n%s", err, out)
	}

	for name, inputs := range map[string]map[string]string{
		"another program": {"sha256": strings.Repeat("0", 64), "releases": releases(t, "")},
		"no checksum":     {"releases": releases(t, "\n")},
		"no such release": {"releases": releases(t, ""), "version": "v0.0.2"},
	} {
		r := newActionRun(t, inputs)
		if inputs["version"] == "" {
			inputs["version"] = "v0.0.1"
		}
		if out, err := r.step("Install labrun"); err == nil {
			t.Errorf("%s: installed\n%s", name, out)
		}
		if path, err := os.ReadFile(r.file("path")); err == nil {
			t.Errorf("%s: on the path is %s", name, path)
		}
	}
}

// TestActionBuilds: without a version, the action builds labrun from the source that it is part of.
func TestActionBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds labrun")
	}
	r := newActionRun(t, nil)
	if out, err := r.step("Install labrun"); err != nil || !strings.Contains(out, ", "+runtime.Version()+", linux/") {
		t.Errorf("%v\n%s", err, out)
	}
}
