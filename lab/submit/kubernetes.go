package submit

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"labrun/lab"
)

// Kubernetes is a job for kubectl(1): an Indexed Job, whose pods keep their parts on a volume, and a Job that merges them.
type Kubernetes struct {
	Job          // Dir is not used, and Reports are on the volume too
	Name         string
	Image        string // of a container that has Labrun
	Claim        string // a PersistentVolumeClaim that pods on all nodes can write to
	Processors   int    // that a pod asks for
	Memory       string // a quantity of bytes, as Kubernetes writes it: 512Mi
	Capabilities bool   // root with capabilities, where the cluster has no user namespaces
	Texts        []Text // the files, which the job carries along; lessons are in labrun itself
}

// A Text is a file that pods get, at a path below the folder in which they start.
type Text struct{ Path, Text string }

// TextsOf returns the files of topologies, and those that they include, each once: several may share one.
func TextsOf(topologies []*lab.Topology) (texts []Text) {
	for _, t := range topologies {
		texts = append(texts, Text{t.File, t.Source})
		for _, inc := range t.Included {
			if text := (Text{inc.File, inc.Text}); !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// Limits of Kubernetes: of a ConfigMap's data, and of a Job's name, behind which each pod's has the index and five more
// characters (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/).
const (
	mostText = 1 << 20
	mostName = 45
)

var (
	names = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	// images are references: https://pkg.go.dev/github.com/distribution/reference has their grammar.
	images = regexp.MustCompile(`^([A-Za-z0-9.-]+(:[0-9]+)?/|\[[0-9a-fA-F:]+\](:[0-9]+)?/)?` + // a registry
		`[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*` + // a path
		`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,})?$`) // a tag, a digest
	claims     = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`)
	quantities = regexp.MustCompile(`^[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)?$`)
)

// Write writes the manifest: a ConfigMap with the files, the Indexed Job and the Job that merges.
func (k Kubernetes) Write(w io.Writer) error {
	k.Flags = append(k.Flags[:len(k.Flags):len(k.Flags)], fmt.Sprintf("--jobs=%d", k.Processors))
	if err := k.check(k.Image, k.Claim); err != nil {
		return err
	}
	switch {
	case !names.MatchString(k.Name) || len(k.Name) > mostName:
		return fmt.Errorf("name %q: at most %d of a-z, 0-9 and -, with a letter first and no - at the end", k.Name, mostName)
	case !claims.MatchString(k.Claim):
		return fmt.Errorf("claim %q: the name of a PersistentVolumeClaim, of a-z, 0-9, . and -", k.Claim)
	case !images.MatchString(k.Image):
		return fmt.Errorf("image %q: the name of an image is expected, in lower case, such as registry.example/labrun:v0.2.0",
			k.Image)
	case !quantities.MatchString(k.Memory):
		return fmt.Errorf("memory %q: a number of bytes is expected, such as 512Mi or 2Gi", k.Memory)
	case k.Processors < 1:
		return fmt.Errorf("cpu %d: a number of processors, at least 1", k.Processors)
	}
	size := 0
	for _, t := range k.Texts {
		if !filepath.IsLocal(t.Path) {
			return fmt.Errorf("%s: pods get files below the current folder, by the same names; start labrun in a folder that "+
				"holds all of them", t.Path)
		}
		if !utf8.ValidString(t.Text) {
			return fmt.Errorf("%s: not UTF-8, and a ConfigMap holds no other text", t.Path)
		}
		size += len(t.Text)
	}
	if size > mostText {
		return fmt.Errorf("the files have %d bytes, and a ConfigMap holds %d; submit some of them at a time", size, mostText)
	}
	var reports []string
	for _, r := range k.Reports {
		if path.Base(r) != r {
			return fmt.Errorf("report %q: a name without a folder is expected, as the volume of the parts has none", r)
		}
		reports = append(reports, path.Join("/parts", r))
	}
	k.Reports = reports
	return write(w, "kubernetes.yaml", k)
}

// Next returns what to type in sh when the manifest is applied: commands that wait for the shards, and merge their parts.
func (k Kubernetes) Next() []string {
	return []string{
		fmt.Sprintf("until kubectl get job/%s -o 'jsonpath={.status.conditions[*].type}' | grep -Eq 'Complete|Failed'; "+
			"do sleep 5; done", k.Name),
		fmt.Sprintf(`kubectl patch job/%s-merge -p '{"spec":{"suspend":false}}'`, k.Name),
		fmt.Sprintf("kubectl logs --follow --pod-running-timeout=10m job/%s-merge", k.Name),
	}
}

// Fetch returns what to type after Next: commands that copy the reports into the current folder. "kubectl cp" needs a
// container that runs and has tar, and the merge's has ended and may have labrun alone. So a copy of its pod, with the
// same volume and user, runs another image.
func (k Kubernetes) Fetch() []string {
	pod := k.Name + "-reports"
	commands := []string{
		fmt.Sprintf("pod=$(kubectl get pod -l batch.kubernetes.io/job-name=%s-merge -o name)", k.Name),
		fmt.Sprintf("kubectl debug $pod --copy-to=%s --profile=baseline --set-image=labrun=busybox -c labrun -- sleep 3600", pod),
		fmt.Sprintf("kubectl wait --for=condition=Ready --timeout=10m pod/%s", pod),
	}
	for _, r := range k.Reports {
		commands = append(commands, lab.Command("kubectl", "cp", pod+":/parts/"+path.Base(r), path.Base(r)))
	}
	return append(commands, "kubectl delete --now pod/"+pod)
}

// Args returns a command without the program, and more words, as a list for YAML. In those that are given the name of a
// variable in $(...) is its value; in the command it is text, which $$ says.
func (k Kubernetes) Args(command []string, more ...string) string {
	var words []string
	for _, w := range command[1:] {
		words = append(words, strings.ReplaceAll(w, "$(", "$$("))
	}
	return quoted(append(words, more...))
}

// MergeArgs returns the words of the merge without the program: there is no shell that would find the parts.
func (k Kubernetes) MergeArgs() string {
	words := k.Merge()
	for i := range k.Shards {
		words = append(words, fmt.Sprintf("/parts/%s-%d.json", k.Name, i))
	}
	return k.Args(words)
}

// quoted writes a value as JSON, which is YAML too, on one line.
func quoted(value any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // texts and lists of them
	}
	return strings.TrimSuffix(b.String(), "\n")
}
