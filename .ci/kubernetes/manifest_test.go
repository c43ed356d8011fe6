// Package kubernetes holds the manifests of "labrun submit kubernetes" to the types of Kubernetes, release by release. It
// is a module of its own, so that labrun needs none of them: go.mod has the newest release, and -modfile=go-1.N.mod
// another one.
package kubernetes

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

var program string // labrun

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "labrun-manifest")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "labrun")
	build := exec.Command("go", "build", "-o", program, "./cmd/labrun")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=") // its module is another one
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	return m.Run()
}

// manifest returns what labrun writes, run in the repository, as values of Kubernetes. A field that the release does not
// have, or has twice or of another type, is an error.
func manifest(t *testing.T, args ...string) []runtime.Object {
	t.Helper()
	cmd := exec.Command(program, append([]string{"submit", "kubernetes", "--image=example/labrun", "--claim=parts"}, args...)...)
	cmd.Dir = "../.."
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	objects, err := decode(text)
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
	return objects
}

func decode(text []byte) ([]runtime.Object, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(batch.AddToScheme(scheme), core.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	for buffer := make([]byte, len(text)); ; {
		n, err := documents.Read(buffer)
		if err == io.EOF {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, _, err := decoder.Decode(buffer[:n], nil, nil)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}

// TestDecodesStrictly: what the other tests rely on finds a misspelt field, and one of another type.
func TestDecodesStrictly(t *testing.T) {
	good := "apiVersion: batch/v1\nkind: Job\nspec: {completions: 3}\n"
	if _, err := decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{
		strings.Replace(good, "completions", "completionz", 1), strings.Replace(good, "3", "three", 1),
		strings.Replace(good, "3", "3, completions: 3", 1), strings.Replace(good, "Job", "Jop", 1),
	} {
		if _, err := decode([]byte(wrong)); err == nil {
			t.Errorf("no error of %s", wrong)
		}
	}
}

func TestManifest(t *testing.T) {
	objects := manifest(t, "dual-nic", "topologies/four-tuple.yaml", "--shards=3", "--only=claim-*", "--cpu=2", "--memory=1Gi",
		"--report=report.json", "--report=page.html", "--name=note")
	if len(objects) != 3 {
		t.Fatalf("%d objects", len(objects))
	}
	files, tasks, merge := objects[0].(*core.ConfigMap), objects[1].(*batch.Job), objects[2].(*batch.Job)

	// A pod has the same files as this folder, by the same names.
	text, err := os.ReadFile("../../topologies/four-tuple.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pod := tasks.Spec.Template.Spec
	var config *core.ConfigMapVolumeSource
	for _, v := range pod.Volumes {
		if v.ConfigMap != nil {
			config = v.ConfigMap
		}
	}
	if config == nil || config.Name != files.Name || len(config.Items) != 1 || len(files.Data) != 1 ||
		config.Items[0].Path != "topologies/four-tuple.yaml" || files.Data[config.Items[0].Key] != string(text) {
		t.Errorf("the files are %v, mounted as %v", files.Data, config)
	}

	if s := tasks.Spec; *s.CompletionMode != batch.IndexedCompletion || *s.Completions != 3 || *s.Parallelism != 3 ||
		*s.BackoffLimitPerIndex < 1 || pod.RestartPolicy != core.RestartPolicyNever {
		t.Errorf("the job is %+v", s)
	}
	rule := tasks.Spec.PodFailurePolicy.Rules[1]
	if rule.Action != batch.PodFailurePolicyActionFailIndex || !slices.Equal(rule.OnExitCodes.Values, []int32{1, 2}) ||
		rule.OnExitCodes.Operator != batch.PodFailurePolicyOnExitCodesOpIn || *rule.OnExitCodes.ContainerName != pod.Containers[0].Name {
		t.Errorf("an exit status of 1 or 2: %+v", rule)
	}
	c := pod.Containers[0]
	want := []string{"dual-nic", "topologies/four-tuple.yaml", "--only=claim-*", "--jobs=2", "--shard", "auto", "--resume",
		"--quiet", "-o", "/parts/note-$(JOB_COMPLETION_INDEX).json"}
	if !slices.Equal(c.Args, want) || !slices.Equal(c.Command, []string{"labrun"}) || c.WorkingDir != "/files" {
		t.Errorf("%v %q in %s", c.Command, c.Args, c.WorkingDir)
	}
	if len(c.Env) != 1 || c.Env[0] != (core.EnvVar{Name: "LABRUN_SHARDS", Value: "3"}) {
		t.Errorf("env %v", c.Env)
	}
	if r := c.Resources; r.Requests.Cpu().Value() != 2 || r.Requests.Memory().Value() != 1<<30 {
		t.Errorf("resources %v", r)
	}

	want = []string{"merge", "--exit-code", "-o", "/parts/report.json", "-o", "/parts/page.html",
		"/parts/note-0.json", "/parts/note-1.json", "/parts/note-2.json"}
	if args := merge.Spec.Template.Spec.Containers[0].Args; !slices.Equal(args, want) || !*merge.Spec.Suspend {
		t.Errorf("the merge is %+v", merge.Spec)
	}
	for _, job := range []*batch.Job{tasks, merge} {
		v := job.Spec.Template.Spec.Volumes[0]
		if v.PersistentVolumeClaim == nil || v.PersistentVolumeClaim.ClaimName != "parts" {
			t.Errorf("%s keeps parts on %+v", job.Name, v)
		}
		if m := job.Spec.Template.Spec.Containers[0].VolumeMounts[0]; m.Name != v.Name || m.MountPath != "/parts" {
			t.Errorf("%s mounts %+v", job.Name, m)
		}
	}
}

// TestPrivilege: a pod has the least that labs take, in each of the two ways.
func TestPrivilege(t *testing.T) {
	pod := func(args ...string) core.PodSpec {
		objects := manifest(t, append([]string{"dual-nic"}, args...)...)
		if len(objects) != 2 {
			t.Fatalf("%d objects for a lesson, which labrun has in it", len(objects))
		}
		return objects[0].(*batch.Job).Spec.Template.Spec
	}
	p := pod()
	c := p.Containers[0].SecurityContext
	if *p.HostUsers || !*p.SecurityContext.RunAsNonRoot || *p.SecurityContext.RunAsUser == 0 || *c.AllowPrivilegeEscalation ||
		*c.ProcMount != core.UnmaskedProcMount || !slices.Equal(c.Capabilities.Drop, []core.Capability{"ALL"}) ||
		len(c.Capabilities.Add) > 0 || c.Privileged != nil {
		t.Errorf("with user namespaces: %+v, %+v", p.SecurityContext, c)
	}
	p = pod("--capabilities")
	c = p.Containers[0].SecurityContext
	if p.HostUsers != nil || *p.SecurityContext.RunAsUser != 0 || c.ProcMount != nil || c.Privileged != nil ||
		!slices.Equal(c.Capabilities.Drop, []core.Capability{"ALL"}) || !slices.Contains(c.Capabilities.Add, "SYS_ADMIN") ||
		!slices.Contains(c.Capabilities.Add, "NET_ADMIN") {
		t.Errorf("with capabilities: %+v, %+v", p.SecurityContext, c)
	}
}

// TestTextIsText: what Kubernetes, YAML or sh would take for theirs comes through as it was written.
func TestTextIsText(t *testing.T) {
	only := `claim-4*[a=$(HOME) "x": #y]`
	text, err := exec.Command(program, "submit", "kubernetes", "--image=r/a:1", "--claim=c", "dual-nic", "--only="+only).CombinedOutput()
	if err == nil || !strings.Contains(string(text), "--only") {
		t.Fatalf("such a cell is not there: %v, %s", err, text)
	}
	file := filepath.Join(t.TempDir(), `a$(B) "c": #d.yaml`)
	const topology = "name: a\ndoc: \"\\\"tab\\t and 'é' 😀\"\n# $(X) {{.}} %\nnetworks: {red: 192.0.2.0/24}\n" +
		"hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}\nexperiments: {one: {steps: [a = socket(tcp)]}}\n"
	if err := os.WriteFile(file, []byte(topology), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "submit", "kubernetes", "--image=r/a:1", "--claim=c", filepath.Base(file))
	cmd.Dir = filepath.Dir(file)
	if text, err = cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	objects, err := decode(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got := objects[0].(*core.ConfigMap).Data["file-0"]; got != topology {
		t.Errorf("got %q, want %q", got, topology)
	}
	spec := objects[1].(*batch.Job).Spec.Template.Spec
	if got := spec.Containers[0].Args[0]; got != `a$$(B) "c": #d.yaml` {
		t.Errorf("the file is %s", got)
	}
}
