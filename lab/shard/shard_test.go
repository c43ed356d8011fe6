package shard

import (
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	slurm := map[string]string{"SLURM_ARRAY_TASK_ID": "14", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "10",
		"SLURM_ARRAY_TASK_STEP": "2", "SLURM_ARRAY_TASK_MAX": "24"}
	for _, c := range []struct {
		text  string
		env   map[string]string
		want  Share
		found string
	}{
		{"3/8", nil, Share{3, 8, false}, ""},
		{"1/1", slurm, Share{1, 1, false}, ""},
		{"by=kernel,2/3", nil, Share{2, 3, true}, ""},
		{"auto", slurm, Share{3, 8, false},
			"SLURM_ARRAY_TASK_ID=14 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_STEP=2"},
		{"by=kernel", slurm, Share{3, 8, true},
			"SLURM_ARRAY_TASK_ID=14 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_STEP=2"},
		{"by=kernel,auto", map[string]string{"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "4"}, Share{2, 4, true},
			"CI_NODE_INDEX=2 CI_NODE_TOTAL=4"},
		{"auto", map[string]string{"JOB_COMPLETION_INDEX": "0", "LABRUN_SHARDS": "5"}, Share{1, 5, false},
			"JOB_COMPLETION_INDEX=0 LABRUN_SHARDS=5"},
		{"auto", map[string]string{"BUILDKITE_PARALLEL_JOB": "4", "BUILDKITE_PARALLEL_JOB_COUNT": "5"}, Share{5, 5, false},
			"BUILDKITE_PARALLEL_JOB=4 BUILDKITE_PARALLEL_JOB_COUNT=5"},
		{"auto", map[string]string{"CIRCLE_NODE_INDEX": "1", "CIRCLE_NODE_TOTAL": "2", "CI_NODE_TOTAL": "1"},
			Share{2, 2, false}, "CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=2"},
		// A job of one engine in a job of another, which agree.
		{"auto", map[string]string{"CIRCLE_NODE_INDEX": "1", "CIRCLE_NODE_TOTAL": "2", "CI_NODE_TOTAL": "2",
			"CI_NODE_INDEX": "2"}, Share{2, 2, false}, "CI_NODE_INDEX=2 CI_NODE_TOTAL=2"},
	} {
		got, found, err := Parse(c.text, func(name string) string { return c.env[name] })
		if err != nil || got != c.want || found != c.found {
			t.Errorf("%s with %v: %v, %q, %v; want %v, %q", c.text, c.env, got, found, err, c.want, c.found)
		}
		if again, _, err := Parse(got.String(), nil); again != got || err != nil {
			t.Errorf("%s is read as %v, %v", got, again, err)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	const form = "want I/N with I from 1 to N, auto, or by=kernel before one of them: by=kernel,2/3"
	for _, c := range []struct {
		text string
		env  string
		want string
	}{
		{"", "", form}, {"0/8", "", form}, {"9/8", "", form}, {"3", "", form}, {"3/", "", form}, {"/8", "", form},
		{"-1/8", "", form},
		{"+1/8", "", form}, {"1/8/2", "", form}, {" 1/8", "", form}, {"by=host,1/8", "", form}, {"by=kernel,", "", form},
		{"99999999999999999999/8", "", form}, {"by=kernel,9/8", "", form}, {"AUTO", "", form},
		{"1/1000001", "", "1000001 shares; at most 1000000"},
		{"auto", "", "no job engine has set its variables: looked for " +
			"SLURM_ARRAY_TASK_ID with SLURM_ARRAY_TASK_COUNT (Slurm), JOB_COMPLETION_INDEX with LABRUN_SHARDS (Kubernetes), CI_NODE_INDEX with CI_NODE_TOTAL (GitLab), " +
			"BUILDKITE_PARALLEL_JOB with BUILDKITE_PARALLEL_JOB_COUNT (Buildkite), " +
			"CIRCLE_NODE_INDEX with CIRCLE_NODE_TOTAL (CircleCI)"},
		{"auto", "SLURM_ARRAY_TASK_MIN=1", "no job engine has set its variables"},
		{"auto", "CI_NODE_TOTAL=1", "CI_NODE_TOTAL=1 is set, and CI_NODE_INDEX, the number of the job, is not (GitLab)"},
		{"auto", "LABRUN_SHARDS=3 CIRCLE_NODE_TOTAL=2",
			"LABRUN_SHARDS=3 is set, and JOB_COMPLETION_INDEX, the number of the job, is not (Kubernetes); " +
				"CIRCLE_NODE_TOTAL=2 is set, and CIRCLE_NODE_INDEX, "},
		{"auto", "SLURM_ARRAY_TASK_ID=2", "SLURM_ARRAY_TASK_ID=2 is set, and SLURM_ARRAY_TASK_COUNT, the number of shares, is not"},
		{"auto", "CI_NODE_INDEX=2", "CI_NODE_INDEX=2 is set, and CI_NODE_TOTAL, the number of shares, is not"},
		{"auto", "JOB_COMPLETION_INDEX=3", "JOB_COMPLETION_INDEX=3 is set, and LABRUN_SHARDS, the number of shares, is not"},
		{"auto", "JOB_COMPLETION_INDEX=3 LABRUN_SHARDS=0", "LABRUN_SHARDS=0: want how many jobs there are"},
		{"auto", "JOB_COMPLETION_INDEX=3 LABRUN_SHARDS=many", "LABRUN_SHARDS=many: want a number of Kubernetes's"},
		{"auto", "JOB_COMPLETION_INDEX=3 LABRUN_SHARDS=3",
			"JOB_COMPLETION_INDEX=3 LABRUN_SHARDS=3: the jobs of Kubernetes have to be numbered 0, 1 and so on, 3 of them"},
		{"auto", "CI_NODE_INDEX=0 CI_NODE_TOTAL=3", "the jobs of GitLab have to be numbered 1, 2 and so on, 3 of them"},
		{"auto", "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1",
			"the jobs of Slurm have to be numbered 1, 2 and so on, 3 of them"},
		{"auto", "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_STEP=2",
			"the jobs of Slurm have to be numbered 4, 6 and so on, 3 of them"},
		{"auto", "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_STEP=0", "have to be numbered 0, 1"},
		{"auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=3 CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=3",
			"CI_NODE_INDEX=1 CI_NODE_TOTAL=3 is share 1/3, and CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=3 is 2/3: " +
				"say which with --shard I/N"},
	} {
		env := map[string]string{}
		for _, word := range strings.Fields(c.env) {
			name, value, _ := strings.Cut(word, "=")
			env[name] = value
		}
		s, _, err := Parse(c.text, func(name string) string { return env[name] })
		if err == nil || !strings.Contains(err.Error(), c.want) || !s.IsZero() {
			t.Errorf("%q with %q: %v, %v; want %s", c.text, c.env, s, err, c.want)
		}
	}
}

// TestOwn: the shares of a list are the list, in its order, and as long as each other but for one.
func TestOwn(t *testing.T) {
	for n := range 12 {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		for of := 1; of <= n; of++ {
			together := []int{}
			for i := 1; i <= of; i++ {
				own := Own(Share{Index: i, Of: of}, all)
				if len(own) < n/of || len(own) > (n+of-1)/of {
					t.Errorf("share %d of %d has %v of %d", i, of, own, n)
				}
				together = append(together, own...)
			}
			if diff := cmp.Diff(all, together); diff != "" {
				t.Errorf("%d in %d shares: %s", n, of, diff)
			}
		}
	}
}

// TestAssign: shares differ by no more than the cost of one group, and every group has one.
func TestAssign(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 200 {
		costs, of := make([]int64, r.Intn(300)), 1+r.Intn(40)
		for i := range costs {
			costs[i] = int64(1 + r.Intn(1<<r.Intn(20)))
		}
		loads := make([]int64, of)
		for group, share := range Assign(costs, of) {
			loads[share] += costs[group] // panics where there is no such share
		}
		if len(costs) > 0 && slices.Max(loads)-slices.Min(loads) > slices.Max(costs) {
			t.Errorf("%d shares of %v have %v", of, costs, loads)
		}
	}
}

// TestAssignIsTheSame holds a few assignments: parts that other machines and later versions of labrun make have to
// fit. The costliest group goes first, to the first share; of two shares with as much the first one gets the next.
func TestAssignIsTheSame(t *testing.T) {
	for _, c := range []struct {
		costs []int64
		of    int
		want  []int
	}{
		{nil, 3, []int{}},
		{[]int64{5, 5, 5}, 2, []int{0, 1, 0}},
		{[]int64{1, 2, 3, 4}, 2, []int{0, 1, 1, 0}}, // 4 to 0; 3 to 1; 2 to 1, which then has 5; 1 to 0
		{[]int64{7, 1}, 5, []int{0, 1}},
		{[]int64{1 << 40, 1, 1 << 40}, 2, []int{0, 0, 1}},
	} {
		if diff := cmp.Diff(c.want, Assign(c.costs, c.of)); diff != "" {
			t.Errorf("%v in %d: %s", c.costs, c.of, diff)
		}
	}
}
