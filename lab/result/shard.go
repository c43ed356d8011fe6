package result

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"labrun/lab"
)

// Shard is a deterministic share of the cells of a run. The report of one is a part: it has the rows
// and columns of the whole run, as all its parts have, and of the cells its share, in the order of the
// whole. What it says beside its number lets a merge find out what is missing, and a resumed run what
// to ask: with the sources that the report holds it is the command line of the run.
type Shard struct {
	Index int    `json:"index"`          // from 1
	Of    int    `json:"of"`             // how many there are
	By    string `json:"by,omitempty"`   // ByKernel where each is of some kernels; "" is cells
	Node  string `json:"node,omitempty"` // the machine's name, uname(2)
	// Cells is how many cells the whole run has. That of shards by kernel has them on the kernels of this one.
	Cells int `json:"cells"`
	// Lacks is how many cells of the share the report does not have: the run was cut short, or goes on.
	Lacks int `json:"lacks,omitempty"`

	// The flags that chose the cells of the run.
	Only    []string `json:"only,omitempty"`
	Hosts   []string `json:"hosts,omitempty"`
	Kernels []string `json:"kernels,omitempty"` // all that the run asks; empty is those that the files name
	Repeat  int      `json:"repeat,omitempty"`  // how often all runs; 0 is once
}

// String says which part it is, and what it lacks: "1 of 3, without 2 cells".
func (s *Shard) String() string {
	words := fmt.Sprintf("%d of %d", s.Index, s.Of)
	switch {
	case s.Lacks == 1:
		words += ", without 1 cell"
	case s.Lacks > 1:
		words += fmt.Sprintf(", without %d cells", s.Lacks)
	}
	return words
}

// NotPartOf says in what a report is not the part of a run that the shard, the version of labrun and the topologies are
// of, nil when it is. It has to be a part.
func (r *Report) NotPartOf(want *Shard, labrun string, topologies []*lab.Topology) (differs []string) {
	is := r.Environment.Shard
	differ := func(what string, is, want any) {
		if is, want := fmt.Sprint(is), fmt.Sprint(want); is != want {
			differs = append(differs, fmt.Sprintf("%s %s and not %s", what, is, want))
		}
	}
	words := func(list []string) string { return cmp.Or(lab.Command(list...), "none") }
	differ("shard", is.Share(), want.Share())
	differ("--only", words(is.Only), words(want.Only))
	differ("--host", words(is.Hosts), words(want.Hosts))
	differ("--kernel", words(is.Kernels), words(want.Kernels))
	differ("--repeat", max(is.Repeat, 1), max(want.Repeat, 1))
	differ("labrun", r.Environment.Labrun, labrun)
	var has, wants []string
	for i := range r.Matrices {
		has = append(has, r.Matrices[i].File)
	}
	for _, t := range topologies {
		wants = append(wants, t.File)
	}
	if differ("files", words(has), words(wants)); !slices.Equal(has, wants) {
		return differs
	}
	for i, t := range topologies {
		if m := &r.Matrices[i]; m.Source != t.Source || !slices.Equal(m.Included, t.Included) {
			differs = append(differs, "another text of "+t.File)
		}
	}
	return differs
}

// Share writes which share it is as --shard reads it.
func (s *Shard) Share() string {
	text := fmt.Sprintf("%d/%d", s.Index, s.Of)
	if s.By != "" {
		return "by=" + s.By + "," + text
	}
	return text
}

// IsWholePart reports whether a part has an answer of every cell of its share.
func (r *Report) IsWholePart() bool { return r.Environment.Shard.Lacks == 0 && r.Counts.Errors == 0 }

// Answered returns the kernels that have a cell that is not an error. One that could not be booted has errors alone,
// and is described by what was known of it.
func (r *Report) Answered() []KernelInfo {
	has := map[string]bool{}
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for j := range m.Cells {
			if c := &m.Cells[j]; c.Verdict != Error {
				has[m.Columns[c.Column].Kernel] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(r.Environment.Kernels), func(k KernelInfo) bool { return !has[k.Name] })
}

// ByKernel is the By of a shard that has all cells of some of the kernels.
const ByKernel = "kernel"

// Machine is where a part of a merged report comes from.
type Machine struct {
	Node    string    `json:"node,omitempty"`   // its name, uname(2)
	Kernel  string    `json:"kernel,omitempty"` // by the name that columns have, or its release; of several, with commas
	Shard   int       `json:"shard"`            // from 1
	Of      int       `json:"of"`
	Started time.Time `json:"started"`
	Elapsed float64   `json:"elapsed_seconds"`
	Jobs    int       `json:"jobs"`
}

// machinesOf returns what a merged report says of the machines of a part: of one that is a merge itself, those that it
// names.
func machinesOf(e *Environment) []Machine {
	if e.Shard == nil {
		return e.Machines
	}
	var kernels []string
	for i := range e.Kernels {
		kernels = append(kernels, cmp.Or(e.Kernels[i].Name, e.Kernels[i].Release))
	}
	return []Machine{{Node: e.Shard.Node, Kernel: strings.Join(kernels, ", "), Shard: e.Shard.Index, Of: e.Shard.Of,
		Started: e.Started, Elapsed: e.Elapsed, Jobs: e.Jobs}}
}

// CheckShards returns an error when the parts that are of a sharded run are not the whole of one: when some are
// missing, twice, cut short, or foreign to the others. All of that is said at once. With partial, what is missing
// is allowed: then missing says what, for the cells that are nobody's, and else it is "".
func CheckShards(heads []Head, partial bool) (missing string, err error) {
	var shards []Head
	for i := range heads {
		if heads[i].Environment.Shard != nil {
			shards = append(shards, heads[i])
		}
	}
	if len(shards) == 0 {
		return "", nil
	}
	var wrong problems
	first := mostCommon(shards, func(h *Head) string { return h.Environment.Shard.run() })
	ours := slices.DeleteFunc(slices.Clone(shards), func(h Head) bool {
		differs := h.Environment.Shard.differs(first.Environment.Shard)
		if differs != "" {
			wrong.add("%s is not of the run of %s: %s", h.Name, first.Name, differs)
		}
		return differs != ""
	})
	checkColumns(ours, &wrong)
	shard := first.Environment.Shard
	at := map[int]string{} // the name of each part
	var cut []int
	cells := 0
	for i := range ours {
		h := &ours[i]
		s := h.Environment.Shard
		if of, ok := at[s.Index]; ok {
			wrong.add("%s and %s are both part %d of %d", of, h.Name, s.Index, s.Of)
			continue
		}
		at[s.Index] = h.Name
		cells += h.Cells
		switch {
		case s.Lacks > 0 && partial:
			cut = append(cut, s.Index)
		case s.Lacks > 0:
			lacks, them := Lacks(h.Name, s.Lacks, h.Cells+s.Lacks)
			wrong.add("%s: %s runs %s", lacks, lab.Command("labrun", "resume", h.Name), them)
		case h.Cells > s.Cells || s.By == ByKernel && h.Cells != s.Cells:
			wrong.add("%s has %d cells, and says that they are %d: it was edited", h.Name, h.Cells, s.Cells)
		}
	}
	var lost []int
	for i := 1; i <= shard.Of; i++ {
		if at[i] == "" {
			lost = append(lost, i)
		}
	}
	var words []string
	if len(lost) > 0 {
		words = append(words, fmt.Sprintf("%s of %d %s missing", partsOf(lost), shard.Of, isOrAre(lost)))
	}
	if slices.Sort(cut); len(cut) > 0 {
		words = append(words, fmt.Sprintf("%s of %d %s cut short", partsOf(cut), shard.Of, wasOrWere(cut)))
	}
	missing = strings.Join(words, ", ")
	switch {
	case missing != "" && !partial:
		wrong.add("%s; --partial merges those that are there", missing)
	case missing == "" && len(wrong.errs) == 0 && shard.By == "" && cells != shard.Cells:
		wrong.add("the parts have %d cells, and their run has %d: one of them was edited", cells, shard.Cells)
	}
	return missing, wrong.err()
}

// checkColumns reports parts of shards by cells whose kernel is not that of the others: they are in the same column.
func checkColumns(shards []Head, wrong *problems) {
	only := func(h *Head) *KernelInfo {
		if k := h.Environment.Kernels; len(k) == 1 && k[0].Name == "" && h.Environment.Shard.By == "" {
			return &k[0]
		}
		return nil // kernels with names are found to differ by those
	}
	shards = slices.DeleteFunc(slices.Clone(shards), func(h Head) bool { return only(&h) == nil })
	if len(shards) == 0 {
		return
	}
	first := mostCommon(shards, func(h *Head) string {
		k := only(h)
		return k.Release + "\x00" + k.Machine + "\x00" + k.User
	})
	for i := range shards {
		if err := sameKernel(*only(first), *only(&shards[i]), first.Name, shards[i].Name); err != nil {
			wrong.add("%w: a foreign kernel in the same column", err)
		}
	}
}

// run returns what all parts of a run have in common.
func (s *Shard) run() string {
	all := *s
	all.Index, all.Node, all.Lacks = 0, "", 0
	if s.By == ByKernel {
		all.Cells = 0
	}
	return fmt.Sprintf("%+v", all)
}

// differs says in what the shard is not of the other one's run, "" when it is.
func (s *Shard) differs(other *Shard) string {
	by := func(s *Shard) string { return cmp.Or(s.By, "cells") }
	flag := func(name string, values []string) string {
		if len(values) == 0 {
			return "without " + name
		}
		return "with " + name + " " + strings.Join(values, ", ")
	}
	for _, c := range []struct{ says, is, was string }{
		{"it is %s, and not %s", fmt.Sprintf("one of %d", s.Of), fmt.Sprintf("one of %d", other.Of)},
		{"its shards are by %s, and not by %s", by(s), by(other)},
		{"it ran %s, and not %s", flag("--only", s.Only), flag("--only", other.Only)},
		{"it ran %s, and not %s", flag("--host", s.Hosts), flag("--host", other.Hosts)},
		{"it ran %s, and not %s", flag("--kernel", s.Kernels), flag("--kernel", other.Kernels)},
		{"it ran with --repeat %s, and not %s", fmt.Sprint(max(s.Repeat, 1)), fmt.Sprint(max(other.Repeat, 1))},
	} {
		if c.is != c.was {
			return fmt.Sprintf(c.says, c.is, c.was)
		}
	}
	if s.Cells != other.Cells && s.By == "" { // on other kernels there may be others
		return fmt.Sprintf("its run has %d cells, and not %d", s.Cells, other.Cells)
	}
	return ""
}

// partsOf names parts by their numbers, neighbours as a range: "parts 1, 3-8".
func partsOf(numbers []int) string {
	var words []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		switch j - i {
		case 0:
			words = append(words, fmt.Sprint(numbers[i]))
		case 1:
			words = append(words, fmt.Sprint(numbers[i]), fmt.Sprint(numbers[j]))
		default:
			words = append(words, fmt.Sprintf("%d-%d", numbers[i], numbers[j]))
		}
		i = j + 1
	}
	const most = 20
	if len(words) > most {
		words = append(words[:most], "...")
	}
	if len(numbers) == 1 {
		return "part " + words[0]
	}
	return "parts " + strings.Join(words, ", ")
}

// Lacks says that a part lacks some of its cells, and what they are called after that: it or them.
func Lacks(name string, lacks, cells int) (text, them string) {
	switch {
	case cells == 1:
		return name + " lacks its only cell", "it"
	case lacks == 1:
		return fmt.Sprintf("%s lacks 1 of its %d cells", name, cells), "it"
	}
	return fmt.Sprintf("%s lacks %d of its %d cells", name, lacks, cells), "them"
}

func isOrAre(numbers []int) string   { return [...]string{"are", "is"}[1/len(numbers)] }
func wasOrWere(numbers []int) string { return [...]string{"were", "was"}[1/len(numbers)] }
