package lab_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// chain says which of our packages each package may import, beside lab. Arrows
// point one way: YAML -> topology -> question -> kernel -> run -> report.
var chain = map[string][]string{
	"lab":          nil,                         // the vocabulary imports nothing of ours
	"lab/wording":  nil,                         // of messages alone
	"lab/syntax":   {"lab/wording", "lab/once"}, // texts of steps; knows no files
	"lab/yamlpos":  {"lab/wording", "lab/once"}, // files and places; knows no steps
	"lab/world":    {"lab/wording"},             // what processes have; knows neither files nor kernels
	"lab/topology": {"lab/wording", "lab/once", "lab/syntax", "lab/yamlpos", "lab/world"},
	// Lines that a person types, as a topology, and with their answers, which are written as accept writes them.
	"lab/session": {"lab/syntax", "lab/topology", "lab/yamlpos", "lab/accept"},
	"lab/draft":   {"lab/wording", "lab/syntax", "lab/yamlpos"}, // the way back of topology; spells as labrun fmt does
	// What programs did, in strace's notation, to steps; and what finds it out.
	"lab/trace":               {"lab/wording", "lab/syntax", "lab/once", "lab/draft"},
	"lab/imports/strace":      {"lab/syntax", "lab/once", "lab/trace"},
	"lab/imports/packetdrill": {"lab/syntax", "lab/once", "lab/trace"},
	"lab/imports/importtest":  {"lab/topology", "lab/trace"}, // what their tests share
	"lab/imports/clab":        {"lab/syntax", "lab/once", "lab/trace", "lab/wording", "lab/draft"},
	"lab/record":              {"lab/child", "lab/sys", "lab/trace"}, // gets its host from who starts it
	"lab/plan":                nil,
	"lab/question":            {"lab/plan", "lab/syntax"}, // reads calls as it prints them
	"lab/result":              nil,
	"lab/why":                 {"lab/world", "lab/syntax", "lab/question", "lab/result"}, // a cell and its answers to reasons
	"lab/kernel":              {"lab/question", "lab/result"},
	"lab/once":                nil,          // remembers for all that come after it
	"lab/sys":                 nil,          // what this machine's kernel says, for all that run on it
	"lab/child":               {"lab/once"}, // what a process and the init of a program have in common
	"lab/orphan":              {"lab/sys"},  // either ends the connections of a host, whichever is left to
	"lab/fabric":              {"lab/plan", "lab/sys", "lab/once", "lab/orphan"},
	// Either gets its host as a function, and a process the lab's files, too: a process knows
	// nothing of programs, nor a program of processes.
	"lab/process": {"lab/sys", "lab/child", "lab/orphan"},
	"lab/program": {"lab/sys", "lab/child", "lab/once", "lab/orphan"},
	"lab/capture": nil, // gets its packets from a kernel, which has them from fabric
	// The one kernel that there is; only here links meet processes.
	"lab/kernel/local": {
		"lab/plan", "lab/sys", "lab/fabric", "lab/process", "lab/program", "lab/capture", "lab/question", "lab/result",
		"lab/kernel", "lab/world",
	},
	// Between what asks and a kernel elsewhere; knows neither what boots it nor where.
	"lab/kernel/remote": {"lab/question", "lab/result", "lab/kernel"},
	"lab/kernel/image":  {"lab/wording"}, // files; starts none of them
	// Its init is this program, and asks the guest's kernel as local does this machine's.
	"lab/kernel/guest": {"lab/sys", "lab/child", "lab/program", "lab/kernel/image", "lab/kernel/remote", "lab/kernel/local"},
	"lab/shard":        nil,                                                                                 // which share of a run is whose; knows no cells
	"lab/run":          {"lab/question", "lab/result", "lab/why", "lab/kernel", "lab/capture", "lab/shard"}, // of capture the names of folders
	"lab/compare":      {"lab/result"},                                                                      // two results in, what differs out
	"topologies":       nil,                                                                                 // the lessons, as files in the program
	// Answers back into files: reads matrices and edits texts, asks and writes nothing itself.
	"lab/accept": {"lab/syntax", "lab/yamlpos", "lab/topology", "lab/result"},
	// pure, for reports as much as for commands
	"lab/graph":  nil,
	"lab/report": {"lab/wording", "lab/result", "lab/compare", "lab/graph"}, // prints, computes nothing
	"lab/submit": {"lab/wording"},                                           // texts for engines, and the command line of labrun
	"cmd/labrun": {
		"lab/wording", "lab/syntax", "lab/topology", "lab/plan", "lab/sys", "lab/child", "lab/fabric", "lab/program", "lab/capture",
		"lab/question", "lab/result", "lab/why", "lab/kernel", "lab/kernel/local", "lab/kernel/image", "lab/kernel/guest",
		"lab/shard", "lab/run", "lab/compare", "lab/report", "lab/graph", "lab/draft", "lab/trace", "lab/imports/strace", "lab/imports/packetdrill", "lab/imports/clab", "lab/record", "lab/session",
		"lab/accept", "lab/submit", "topologies",
	},
	// All of the chain as a test of somebody else's, beside cmd/labrun at its end.
	"lab/labtest": {"lab/topology", "lab/plan", "lab/sys", "lab/fabric", "lab/result", "lab/kernel/local", "lab/run",
		"lab/report"},
}

// owners are the only packages that may import a module, and why.
var owners = map[string]struct {
	by  []string
	why string
}{
	"github.com/vishvananda/": {[]string{"lab/fabric"}, "only fabric talks to the kernel about links"},
	"go.yaml.in/": {[]string{"lab/yamlpos", "lab/topology", "lab/imports/clab"},
		"only these know that files are YAML, labrun's and containerlab's"},
	"github.com/spf13/":            {[]string{"cmd/labrun"}, "the command line stays in cmd"},
	"github.com/jedib0t/go-pretty": {[]string{"lab/report"}, "only reports print tables"},
	"golang.org/x/sys/": {[]string{"lab/sys", "lab/child", "lab/orphan", "lab/fabric", "lab/process",
		"lab/program", "lab/record", "lab/kernel/guest", "cmd/labrun"}, "the rest runs on every system"},
	"golang.org/x/term":       {[]string{"cmd/labrun"}, "lines are edited on a terminal alone"},
	"github.com/ulikunitz/xz": {[]string{"lab/kernel/guest"}, "modules of kernels are compressed, and indexed"},
	"github.com/pierrec/lz4":  {[]string{"lab/kernel/guest"}, "kernels are compressed, and emulated machines slow at that"},
	"github.com/klauspost/compress": {[]string{"lab/kernel/guest", "lab/report"},
		"modules of kernels are compressed, and indexed; kept reports may be"},
	"github.com/go-json-experiment/": {[]string{"lab/report"},
		"reports alone are so large that they are read as a stream"},
	"encoding/json": {[]string{"lab", "lab/plan", "lab/process", "lab/program", "lab/record", "lab/question",
		"lab/kernel/remote", "lab/kernel/guest", "lab/report", "lab/submit", "lab/topology", "cmd/labrun"},
		"questions, results, the wire and schemas alone are JSON, and texts in YAML"},
}

func TestImportsPointOneWay(t *testing.T) {
	found := map[string]bool{}
	for file, imports := range importsOf(t, "..") {
		pkg := path.Dir(file)
		found[pkg] = true
		allowed, known := chain[pkg]
		if !known {
			t.Errorf("%s: package %s has no place in the chain; see lab/doc.go", file, pkg)
		}
		for _, imp := range imports {
			ours, isOurs := strings.CutPrefix(imp, "labrun/")
			if isOurs && ours != "lab" && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which is not before it in the chain; see lab/doc.go", file, imp)
			}
			if pkg == "lab" && (isOurs || strings.Contains(imp, ".")) {
				t.Errorf("%s imports %s: the vocabulary uses the standard library only", file, imp)
			}
			for prefix, o := range owners {
				if strings.HasPrefix(imp, prefix) && !slices.Contains(o.by, pkg) {
					t.Errorf("%s imports %s: %s", file, imp, o.why)
				}
			}
		}
	}
	for pkg := range chain {
		if !found[pkg] {
			t.Errorf("the chain names package %s, which does not exist", pkg)
		}
	}
}

// TestYamlposKnowsNoTopology: of the vocabulary, package yamlpos uses places alone.
func TestYamlposKnowsNoTopology(t *testing.T) {
	files, err := filepath.Glob("yamlpos/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if of, ok := s.X.(*ast.Ident); ok && of.Name == "lab" && s.Sel.Name != "Pos" {
					t.Errorf("%s uses lab.%s", file, s.Sel.Name)
				}
			}
			return true
		})
	}
}

// importsOf returns the imports of every Go file below root that is not a test.
func importsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && len(d.Name()) > 2 && d.Name()[0] == '.' {
			return fs.SkipDir // as go's own patterns do
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(rel)] = nil
		for _, i := range f.Imports {
			imp, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			all[filepath.ToSlash(rel)] = append(all[filepath.ToSlash(rel)], imp)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTopLevel holds the repository's top level to what the design allows.
func TestTopLevel(t *testing.T) {
	allowed := []string{"cmd", "lab", "topologies", "go.mod", "go.sum", "Vagrantfile", "README.md", "LICENSE"}
	names, err := filepath.Glob("../*")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if n = filepath.Base(n); !strings.HasPrefix(n, ".") && !slices.Contains(allowed, n) {
			t.Errorf("%s does not belong at the top level", n)
		}
	}
}
