package submit

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

// TestWordsStayWords: what means something to sh, Slurm, YAML, GitHub or Kubernetes is text in a name.
func TestWordsStayWords(t *testing.T) {
	const odd = `a $(B) "c" 'd' #e %j ; é`
	job := Job{Labrun: odd, Files: []string{odd, "-f.yaml"}, Flags: []string{"--only=" + odd}, Shards: 3, Dir: odd,
		Reports: []string{odd + ".json"}}
	var script strings.Builder
	if err := (Slurm{Job: job, Options: []string{"--comment=" + odd}}).Write(&script); err != nil {
		t.Fatal(err)
	}
	// An sbatch that prints its arguments, and of the script that it is given those of labrun.
	const sbatch = `mkdir() { :; }
sbatch() { for w; do printf '%s\n' "<$w>" >&2; done; sed '1d; s/^exec /set -- /' >"$TMP/task"
  (SLURM_ARRAY_TASK_ID=2; . "$TMP/task"; for w; do printf '%s\n' "<$w>" >&2; done); echo 7; }
`
	sh := exec.Command("sh", "-c", sbatch+script.String())
	sh.Env = append(sh.Environ(), "TMP="+t.TempDir())
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script.String())
	}
	for _, want := range []string{odd, "--only=" + odd, odd + "/part-2.json", odd + ".json", "--comment=" + odd, "./-f.yaml",
		"--output=" + strings.ReplaceAll(odd, "%", "%%") + "/task-%a.log"} {
		if !strings.Contains("\n"+string(out), "\n<"+want+">\n") {
			t.Errorf("there is no word %s\n%s", want, out)
		}
	}
}

// TestLineBreaks: no engine has a place for one in a word, and every text that has words of the user's looks for it.
func TestLineBreaks(t *testing.T) {
	for _, bad := range []Job{
		{Labrun: "a\nb"}, {Files: []string{"a\nb"}}, {Flags: []string{"a\rb"}}, {Dir: "a\nb"}, {Reports: []string{"a\nb"}},
	} {
		var out strings.Builder
		for name, err := range map[string]error{
			"slurm": Slurm{Job: bad}.Write(&out), "github": GitHub{Job: bad}.Write(&out),
			"kubernetes": Kubernetes{Job: bad, Name: "a", Image: "b", Claim: "c", Processors: 1, Memory: "1Gi"}.Write(&out),
		} {
			if err == nil || !strings.Contains(err.Error(), "a line break cannot stand in a job") || out.Len() > 0 {
				t.Errorf("%s: %+v: %v, %s", name, bad, err, out.String())
			}
		}
	}
	if err := (Slurm{Options: []string{"a\nb"}}).Write(&strings.Builder{}); err == nil {
		t.Error("an option of sbatch's with a line break")
	}
}

// TestOptionsOfSbatch: those that the job is made of are refused in each form that getopt_long(3) takes; others are the
// user's.
func TestOptionsOfSbatch(t *testing.T) {
	for option, want := range map[string]bool{
		"--array=1-3": false, "--array": false, "-a1-3": false, "-a": false, "--dependency=singleton": false, "-dsingleton": false,
		"--wrap=true": false, "--parsable": false, "--arr=1": false, "--dep=singleton": false, "--par": true,
		"--partition=a": true, "-pa": true, "a": true, "--account=a": true, "-t": true, "--delay-boot=1": true, "-": true,
	} {
		err := (Slurm{Job: Job{Reports: []string{"r"}}, Options: []string{option}}).Write(&strings.Builder{})
		if (err == nil) != want {
			t.Errorf("%s: %v", option, err)
		}
	}
}

// TestTextsOfAPod: a ConfigMap holds so many bytes and no more, and files only of the folder.
func TestTextsOfAPod(t *testing.T) {
	write := func(texts ...Text) error {
		k := Kubernetes{Job: Job{Labrun: "l", Shards: 1}, Name: "a", Image: "b", Claim: "c", Processors: 1, Memory: "1Gi", Texts: texts}
		return k.Write(&strings.Builder{})
	}
	half := strings.Repeat("x", mostText/2)
	for _, tt := range []struct {
		texts []Text
		want  string
	}{
		{[]Text{{"a.yaml", half}, {"b.yaml", half}}, ""},
		{[]Text{{"a.yaml", half}, {"b.yaml", half + "x"}}, "the files have 1048577 bytes, and a ConfigMap holds 1048576"},
		{[]Text{{"../a.yaml", ""}}, "../a.yaml: pods get files below"},
		{[]Text{{"a.yaml", "\xff"}}, "a.yaml: not UTF-8"},
	} {
		if err := write(tt.texts...); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

// TestImages: a reference to an image is one of a registry, a path, a tag and a digest; what no cluster could pull is
// found before a pod waits for it.
func TestImages(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0a", 32)
	for image, want := range map[string]bool{
		"labrun": true, "labrun:v0.2.0": true, "registry.example/labrun": true, "localhost:5000/a/b__c/d-e.f:latest": true,
		"labrun" + digest: true, "r/labrun:v1" + digest: true, "[2001:db8::1]:5000/labrun": true, "Registry.Example/labrun": true,
		"": false, "a b": false, " a": false, "a ": false, "Labrun": false, "r/Labrun": false, "labrun:": false, "labrun:a:b": false,
		"labrun:-a": false, "https://r/labrun": false, "labrun@sha256:0a": false, "-labrun": false, "r//labrun": false, "labrun/": false,
		"a_.b": false, "labrun:" + strings.Repeat("a", 129): false,
	} {
		k := Kubernetes{Job: Job{Labrun: "l", Shards: 1}, Name: "a", Image: image, Claim: "c", Processors: 1, Memory: "1Gi"}
		if err := k.Write(&strings.Builder{}); (err == nil) != want {
			t.Errorf("%q: %v", image, err)
		}
	}
}

// TestReportsOfAPod: a folder of a report's would be on the volume, where nothing makes it, and the merge would fail when
// all shards have ended.
func TestReportsOfAPod(t *testing.T) {
	for name, good := range map[string]bool{"report.json": true, "a b.html": true, "out/report.json": false,
		"/tmp/report.json": false, "../report.json": false} {
		var text strings.Builder
		k := Kubernetes{Job: Job{Labrun: "l", Shards: 1, Reports: []string{name}}, Name: "a", Image: "b", Claim: "c",
			Processors: 1, Memory: "1Gi"}
		err := k.Write(&text)
		if good && err != nil || !good && (err == nil || !strings.Contains(err.Error(), "without a folder") || text.Len() > 0) {
			t.Errorf("%s: %v, %s", name, err, text.String())
		}
	}
}

// TestShardsFor: one shard at least, none shorter than what it costs to start one, and no more than an array may have.
func TestShardsFor(t *testing.T) {
	for cost, want := range map[time.Duration]int{0: 1, 9 * time.Second: 1, 39 * time.Second: 3, 1000 * time.Hour: 1000} {
		if got := ShardsFor(cost); got != want {
			t.Errorf("%s: %d shards, want %d", cost, got, want)
		}
	}
}

// TestTextsOf: a file that two topologies include is carried along once.
func TestTextsOf(t *testing.T) {
	shared := []lab.Included{{File: "shared.yaml", Text: "c"}}
	got := TextsOf([]*lab.Topology{
		{Layout: lab.Layout{File: "a.yaml"}, Source: "a", Included: shared}, {Layout: lab.Layout{File: "b.yaml"}, Source: "b", Included: shared},
	})
	want := []Text{{"a.yaml", "a"}, {"shared.yaml", "c"}, {"b.yaml", "b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
