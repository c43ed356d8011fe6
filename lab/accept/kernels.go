package accept

import (
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
)

// ruled is a rule of an answer while it is decided: an answer as a file writes it, and for which kernels.
type ruled struct {
	answer string
	on     lab.WantRule // the condition, without an answer
	new    bool         // the file has no such rule, or one with another answer
}

// answered is what a kernel answers where a rule gives the answer.
type answered struct {
	kernel  string
	version lab.KernelVersion
	answer  string
}

// holding returns the index of the rule that gives a kernel its answer. What a kernel has beside its version a report
// does not say: of such a rule the answer that was wanted tells.
func holding(rules []ruled, version lab.KernelVersion, wanted string) int {
	for i, r := range rules {
		on := r.on
		on.Has = nil
		if on.Holds(lab.Kernel{Version: version}) && (r.on.Has == nil || r.answer == wanted) {
			return i
		}
	}
	return len(rules) - 1
}

// split returns the rules that stand in the place of one so that every kernel gets its answer: those before it are for
// the kernels of one answer each, from the oldest on, and the last is the rule itself, with the answer of the newest.
// It is an error when no order of versions tells the kernels apart.
func split(r ruled, kernels []answered) ([]ruled, error) {
	slices.SortStableFunc(kernels, func(a, b answered) int { return a.version.Compare(b.version) })
	var runs [][]answered // of one answer
	for i, k := range kernels {
		switch {
		case i == 0 || k.answer != kernels[i-1].answer:
			if i > 0 && k.version == kernels[i-1].version {
				return nil, fmt.Errorf("kernels of one version differ: %s", wordsOf(kernels))
			}
			runs = append(runs, []answered{k})
		default:
			runs[len(runs)-1] = append(runs[len(runs)-1], k)
		}
	}
	base := runs[len(runs)-1][0].answer
	if len(runs) > 1 && r.on.Has != nil {
		return nil, fmt.Errorf("kernels on which one condition holds differ: %s", wordsOf(kernels))
	}
	var all []ruled
	for i, run := range runs[:len(runs)-1] {
		if run[0].answer == base {
			continue
		}
		one := ruled{answer: run[0].answer, new: true}
		for _, b := range r.on.On {
			if strings.HasPrefix(b.Op, ">") {
				one.on.On = append(one.on.On, b)
			}
		}
		// Kernels before these that answer as the newest do must not be taken along.
		if slices.ContainsFunc(runs[:i], func(other []answered) bool { return other[0].answer == base }) {
			before := runs[i-1][len(runs[i-1])-1].version
			one.on.On = append(one.on.On, lab.VersionBound{Op: ">=", Version: from(before, run[0].version)})
		}
		one.on.On = append(one.on.On, lab.VersionBound{Op: "<", Version: from(run[len(run)-1].version, runs[i+1][0].version)})
		all = append(all, one)
	}
	return append(all, ruled{base, r.on, r.new || r.answer != base}), nil
}

// Answered is what a kernel answered, as a file writes it.
type Answered struct {
	Version lab.KernelVersion
	Answer  string
}

// ByKernel returns what a file says of a call that kernels answered: the answer of the newest, and with conditions on
// the version those of older ones that answered otherwise. It is an error when kernels of one version differ, which no
// condition tells apart.
func ByKernel(call lab.Call, kernels []Answered) (lab.Want, error) {
	all := make([]answered, len(kernels))
	for i, k := range kernels {
		all[i] = answered{"linux " + k.Version.String(), k.Version, k.Answer}
	}
	rules, err := split(ruled{}, all)
	if err != nil {
		return nil, err
	}
	return wantOf(call, simpler(rules))
}

// from returns the version from which on a change is that one kernel has and an older one has not: of two series it
// is where the newer one begins, since a series seldom changes its answers; of one it is the kernel's own.
func from(older, newer lab.KernelVersion) lab.KernelVersion {
	if older[0] != newer[0] || older[1] != newer[1] {
		newer[2] = 0
	}
	return newer
}

// wordsOf says what kernels answer.
func wordsOf(kernels []answered) string {
	var words []string
	for _, k := range kernels {
		name := k.kernel
		if name == "" {
			name = k.version.String()
		}
		words = append(words, name+" "+k.answer)
	}
	return strings.Join(words, ", ")
}

// simpler returns the rules without new ones that say nothing: behind which the answer for all other kernels is the
// same, or that the next rule takes in.
func simpler(rules []ruled) []ruled {
	rules = slices.Clone(rules)
	for i := len(rules) - 2; i >= 0; i-- {
		r, next := rules[i], rules[i+1]
		if r.answer != next.answer || !r.new && !next.new || r.on.Has != nil || next.on.Has != nil {
			continue
		}
		last := i+1 == len(rules)-1
		if last || upTo(r) && upTo(next) && r.on.On[0].Version.Compare(next.on.On[0].Version) <= 0 {
			rules = slices.Delete(rules, i, i+1)
		}
	}
	return rules
}

// upTo reports whether a rule is for all kernels before a version.
func upTo(r ruled) bool { return len(r.on.On) == 1 && r.on.On[0].Op == "<" }

// bounds writes the condition of a rule on the version, as linux: has it; "" for none.
func (r ruled) bounds() string {
	var words []string
	for _, b := range r.on.On {
		words = append(words, b.String())
	}
	return strings.Join(words, " ")
}
