package submit

import (
	"fmt"
	"io"
	"path"
	"strings"

	"labrun/lab"
)

// Slurm is a job for sbatch(1).
type Slurm struct {
	Job
	Options []string // sbatch's own, for tasks and merge: where they run, and for how long
	Jobs    bool     // Flags has -j; without it a task keeps as many processors busy as Slurm gives it
}

// Write writes a script for sh(1) that submits an array of tasks, and the merge that waits for them.
func (s Slurm) Write(w io.Writer) error {
	if err := s.check(s.Options...); err != nil {
		return err
	}
	for _, o := range s.Options {
		if taken, instead := s.taken(o); taken != "" {
			return fmt.Errorf("%s: the job has its own %s%s", o, taken, instead)
		}
	}
	return write(w, "slurm.sh", s)
}

// taken returns the option of sbatch's that o is and that the job is made of, and what to use in its place. A long one
// may be cut where it is still like no other.
func (s Slurm) taken(o string) (name, instead string) {
	for _, own := range []struct{ name, short, least, instead string }{
		{"--array", "-a", "--ar", ": --shards says how many tasks there are"},
		{"--dependency", "-d", "--dep", ""},
		{"--wrap", "", "--wr", ""},
		{"--parsable", "", "--pars", ""},
	} {
		long, _, _ := strings.Cut(o, "=")
		isShort := own.short != "" && strings.HasPrefix(o, own.short)
		if isShort || strings.HasPrefix(own.name, long) && strings.HasPrefix(long, own.least) {
			return own.name, own.instead
		}
	}
	return "", ""
}

// Log returns the name of a file of logs for sbatch, quoted for sh. In the folder's a % is not one of sbatch's patterns.
func (s Slurm) Log(name string) string {
	return lab.Quote(strings.ReplaceAll(path.Join(s.Dir), "%", "%%") + "/" + name)
}
