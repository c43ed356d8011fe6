// Package submit writes jobs for engines that people already have: a run in shards on Slurm, Kubernetes or GitHub.
// A job is text. To schedule, to retry and to collect logs is the engine's business, and nothing here talks to one.
//
// Every engine runs the same two commands. A task asks one shard and keeps its part; where an earlier try has left one,
// it goes on from there. The merge refuses parts that are missing or cut short, and its exit status is the run's. A red
// cell is an answer: no engine repeats a task because of one, and the merge runs all the same.
package submit

import (
	"embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"

	"labrun/lab"
	"labrun/lab/wording"
)

// A Job is a run in shards, in the words of no engine.
type Job struct {
	Labrun  string   // the program, as the machines that run tasks find it
	Files   []string // topologies and lessons, as those machines find them
	Flags   []string // of "labrun FILE...": they choose cells and kernels, and are the same in all tasks
	Shards  int      // at least 1
	By      string   // "kernel" where a shard is a kernel, "" where it is cells
	Dir     string   // the folder of parts and logs, which all tasks and the merge share
	Reports []string // what the merge writes, at least one
}

// A shard takes some seconds to start and to be merged, and Slurm as it comes has arrays of less than so many.
const (
	shardLasts = 10 * time.Second
	mostShards = 1000
)

// ShardsFor returns how many shards are worth it for a run that takes so long on one processor.
func ShardsFor(cost time.Duration) int { return int(min(max(cost/shardLasts, 1), mostShards)) }

// Run returns the words of the run as it is without shards.
func (j Job) Run() []string {
	words := []string{j.Labrun}
	for _, f := range j.Files {
		words = append(words, argument(f))
	}
	return append(words, j.Flags...)
}

// Task returns the words of the command that asks one shard. The number of that is in the environment, where the engine
// puts it; the name of the part, which has it too, stands behind these words.
func (j Job) Task() []string {
	return append(j.Run(), "--shard", j.Share("auto"), "--resume", "--quiet", "-o")
}

// Share returns the value of --shard for a share that is I/N or auto.
func (j Job) Share(which string) string {
	if j.By != "" {
		return "by=" + j.By + "," + which
	}
	return which
}

// Merge returns the words of the command that puts the parts together, whose names stand behind them.
func (j Job) Merge() []string {
	words := []string{j.Labrun, "merge", "--exit-code"}
	for _, r := range j.Reports {
		words = append(words, "-o", r)
	}
	return words
}

// Part returns the name of a part without its number and ".json".
func (j Job) Part() string { return argument(path.Join(j.Dir, "part-")) }

// argument returns a file's name as an argument: one that begins with "-" would be taken for a flag.
func argument(file string) string {
	if strings.HasPrefix(file, "-") {
		return "./" + file
	}
	return file
}

// check finds what has no place in any job. A line break is a word's for sh, and yet ends a comment or a here-document.
func (j Job) check(more ...string) error {
	words := slices.Concat(j.Run(), j.Reports, []string{j.Dir}, more)
	for _, w := range words {
		if strings.ContainsAny(w, "\n\r\x00") {
			return fmt.Errorf("%q: a line break cannot stand in a job", w)
		}
	}
	return nil
}

//go:embed slurm.sh kubernetes.yaml github.yml
var texts embed.FS

// templates are the texts of all engines; what they put into these is quoted for the language that it gets into.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"sh":    func(words []string) string { return lab.Command(words...) },
	"word":  lab.Quote,
	"count": wording.Count,
	"yaml":  func(text string) string { return quoted(text) },
	"key":   func(i int) string { return fmt.Sprintf("file-%d", i) },
}).ParseFS(texts, "*"))

// write fills in an engine's text.
func write(w io.Writer, engine string, values any) error {
	return templates.ExecuteTemplate(w, engine, values)
}
