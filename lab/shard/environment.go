package shard

import (
	"errors"
	"fmt"
	"strings"
)

// engine is how a job engine tells each of its jobs which one it is.
type engine struct {
	name  string
	index string // the variable with the number of this job
	count string // that with how many there are
	from  int    // the number of the first job
	// least and step are variables that are set where the first number or the distance of two is another one.
	least, step string
}

// CountVariable has the number of shares where the engine does not tell it: a pod of Kubernetes learns its own
// number alone, so whatever submits the job sets this one.
const CountVariable = "LABRUN_SHARDS"

// engines are those that --shard auto knows:
// https://slurm.schedmd.com/job_array.html,
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode,
// https://docs.gitlab.com/ci/variables/predefined_variables/,
// https://buildkite.com/docs/pipelines/configure/environment-variables,
// https://circleci.com/docs/parallelism-faster-jobs/.
var engines = []engine{
	{"Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", 0, "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"},
	{"Kubernetes", "JOB_COMPLETION_INDEX", CountVariable, 0, "", ""},
	{"GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", 1, "", ""},
	{"Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0, "", ""},
	{"CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0, "", ""},
}

// fromEnvironment returns the share that a job engine has told, and the variables by which it did. A job may be
// started by one engine inside of another: where their shares differ, it is for the user to say which is meant.
func fromEnvironment(getenv func(string) string) (index, of int, found string, err error) {
	for _, e := range engines {
		if getenv(e.index) == "" {
			continue // GitLab sets the number of jobs also where there is only one, which has no number
		}
		i, n, said, err := e.share(getenv)
		switch {
		case err != nil:
			return 0, 0, "", err
		case of == 0:
			index, of, found = i, n, said
		case i != index || n != of:
			return 0, 0, "", fmt.Errorf("%s is share %d/%d, and %s is %d/%d: say which with --shard I/N", found, index, of,
				said, i, n)
		}
	}
	if of == 0 {
		var half, names []string
		for _, e := range engines {
			names = append(names, fmt.Sprintf("%s with %s (%s)", e.index, e.count, e.name))
			if count := getenv(e.count); count != "" {
				half = append(half, fmt.Sprintf("%s=%s is set, and %s, the number of the job, is not (%s)", e.count, count,
					e.index, e.name))
			}
		}
		if half != nil {
			return 0, 0, "", errors.New(strings.Join(half, "; "))
		}
		return 0, 0, "", fmt.Errorf("no job engine has set its variables: looked for %s", strings.Join(names, ", "))
	}
	return index, of, found, nil
}

// share reads the variables of an engine that has set the number of this job.
func (e *engine) share(getenv func(string) string) (index, of int, found string, err error) {
	said := []string{}
	value := func(name string, otherwise int) int {
		text := getenv(name)
		if name == "" || text == "" || err != nil {
			return otherwise
		}
		said = append(said, name+"="+text)
		n, wrong := number(text)
		if wrong != nil {
			err = fmt.Errorf("%s=%s: want a number of %s's", name, text, e.name)
		}
		return n
	}
	id := value(e.index, 0)
	if of = value(e.count, 0); err == nil && of == 0 {
		if getenv(e.count) == "" {
			return 0, 0, "", fmt.Errorf("%s=%s is set, and %s, the number of shares, is not", e.index, getenv(e.index),
				e.count)
		}
		return 0, 0, "", fmt.Errorf("%s=0: want how many jobs there are", e.count)
	}
	least, step := value(e.least, e.from), value(e.step, 1)
	if err != nil {
		return 0, 0, "", err
	}
	found = strings.Join(said, " ")
	if of > mostShares {
		return 0, 0, "", fmt.Errorf("%s: %d shares; at most %d", found, of, mostShares)
	}
	// Of an array such as 1,3,7 nothing tells how many come before 7.
	if step < 1 || id < least || (id-least)%step != 0 || (id-least)/step >= of {
		return 0, 0, "", fmt.Errorf("%s: the jobs of %s have to be numbered %d, %d and so on, %d of them", found, e.name,
			least, least+max(step, 1), of)
	}
	return (id-least)/step + 1, of, found, nil
}
