package submit

import (
	"fmt"
	"io"
	"strings"
)

// GitHub is a workflow of which each shard is a job of a matrix.
type GitHub struct {
	Job
	Name    string
	Install string // the command, for sh, that puts Labrun into the runner's path
}

// mostJobs is how many jobs a matrix of GitHub's may have.
const mostJobs = 256

// Write writes the workflow.
func (g GitHub) Write(w io.Writer) error {
	if err := g.check(g.Name); err != nil {
		return err
	}
	if g.Shards > mostJobs {
		return fmt.Errorf("%d shards: a matrix of GitHub has at most %d jobs", g.Shards, mostJobs)
	}
	// What stands in a step is the runner's expression first.
	for _, words := range [][]string{g.Files, g.Flags, g.Reports, {g.Labrun, g.Dir, g.Name, g.Install}} {
		for _, w := range words {
			if strings.Contains(w, "${{") {
				return fmt.Errorf("%q: GitHub would take ${{ for an expression of its own", w)
			}
		}
	}
	return write(w, "github.yml", g)
}

// Indices returns the numbers of all shards, as a list for YAML.
func (g GitHub) Indices() string {
	all := make([]int, g.Shards)
	for i := range all {
		all[i] = i + 1
	}
	return strings.ReplaceAll(quoted(all), ",", ", ")
}

// Arguments returns the words of a command without the program.
func (g GitHub) Arguments(command []string) []string { return command[1:] }

// PartPath returns the file of the part of a job's shard.
func (g GitHub) PartPath() string { return g.Part() + "${{ matrix.shard }}.json" }

// Paths returns names of files, one a line, as artifacts have them.
func (g GitHub) Paths(files []string) string { return quoted(strings.Join(files, "\n")) }
