package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSubmittedWorkflow: what "labrun submit github" writes is a workflow, whatever stands in names.
func TestSubmittedWorkflow(t *testing.T) {
	program := actionlintProgram(t)
	dir := t.TempDir()
	file := filepath.Join(dir, `a "b" 'c' #d.yaml`)
	write(t, file, "name: a\nnetworks: {red: 192.0.2.0/24}\nhosts: {alpha: {nics: {eth0: {network: red, as: x}}}}\n"+
		"experiments: {one: {steps: [a = socket(tcp)]}}\n")
	for _, args := range [][]string{
		{"dual-nic", "--shards", "3", "--install", "true &&\n  true"},
		{file, "--shards", "2", "--only", "o*", "--dir", "x y: z", "--report", "a b.html", "--report", "c.json", "--name", "n: #m", "--install", "true"},
		{"dual-nic", "--shard", "by=kernel", "--kernel", "debian:6.1", "--kernel", "host", "--install", "true: 'a' # b"},
	} {
		workflow := filepath.Join(dir, "workflow.yml")
		cmd := labrun(t, append([]string{"submit", "github", "-o", workflow}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		if out, err := exec.Command(program, "-no-color", workflow).CombinedOutput(); err != nil {
			t.Errorf("%q: actionlint: %v\n%s\n%s", args, err, out, read(t, workflow))
		}
	}
}
