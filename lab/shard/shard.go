// Package shard says which share of a run is whose: what --shard and the variables of job engines say, and which
// groups of cells a share has. It knows neither cells nor kernels, and is the same on every machine.
package shard

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Share is one of several that a run is cut into. The zero Share is the whole run, which is no part of anything; 1/1
// is a part that has all cells.
type Share struct {
	Index    int  // from 1
	Of       int  // how many there are
	ByKernel bool // each has all cells of some kernels, and not some cells of all
}

// IsZero reports whether it is the whole run.
func (s Share) IsZero() bool { return s == Share{} }

// String writes the share as Parse reads it.
func (s Share) String() string {
	text := fmt.Sprintf("%d/%d", s.Index, s.Of)
	if s.ByKernel {
		return byKernel + "," + text
	}
	return text
}

const (
	auto     = "auto"
	byKernel = "by=kernel"
	// mostShares keeps a slip of the keyboard from being a run of nothing.
	mostShares = 1_000_000
)

var errForm = errors.New("want I/N with I from 1 to N, auto, or by=kernel before one of them: by=kernel,2/3")

// Parse reads a share: "3/8", "auto", "by=kernel,3/8", "by=kernel,auto", or "by=kernel" for the latter. For auto it
// asks the environment that it is given, and says in found which variables told it, as they stand there.
func Parse(text string, getenv func(string) string) (s Share, found string, err error) {
	rest := text
	if by, after, _ := strings.Cut(text, ","); by == byKernel {
		s.ByKernel, rest = true, cmp.Or(after, auto)
		if text == byKernel+"," {
			return Share{}, "", errForm
		}
	}
	if rest == auto {
		if s.Index, s.Of, found, err = fromEnvironment(getenv); err != nil {
			return Share{}, "", err
		}
		return s, found, nil
	}
	index, of, ok := strings.Cut(rest, "/")
	if s.Index, err = number(index); err != nil || !ok {
		return Share{}, "", errForm
	}
	if s.Of, err = number(of); err != nil || s.Index < 1 || s.Index > s.Of {
		return Share{}, "", errForm
	}
	if s.Of > mostShares {
		return Share{}, "", fmt.Errorf("%d shares; at most %d", s.Of, mostShares)
	}
	return s, "", nil
}

// number reads digits alone: a sign or a space is a mistake of the script that made the text.
func number(text string) (int, error) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, errors.New("not a number")
	}
	return strconv.Atoi(text)
}

// Own returns those of things that cost alike, such as kernels, that are the share's. They are neighbours, so that the
// parts, one after the other, have all in their order, which the digest of the whole is of. Where there are as many as
// shares at least, each share has some.
func Own[T any](s Share, all []T) []T {
	var own []T
	for i, one := range all {
		if i*s.Of/len(all) == s.Index-1 {
			own = append(own, one)
		}
	}
	return own
}

// Assign returns for each group of cells which share has it, from 0. Groups go to the share that has least so far,
// costly ones first; of equal ones the order decides. So shares differ by the cost of one group at most, and all
// machines agree: costs are whole numbers, without rounding.
func Assign(costs []int64, of int) []int {
	order := make([]int, len(costs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(costs[b], costs[a]) })
	loads := make(loads, min(of, len(costs))) // further ones stay empty
	for i := range loads {
		loads[i].share = i
	}
	shares := make([]int, len(costs))
	for _, group := range order {
		least := &loads[0]
		shares[group] = least.share
		least.cost += costs[group]
		heap.Fix(&loads, 0)
	}
	return shares
}

// loads is a heap of what shares have so far, the least one first.
type loads []struct {
	cost  int64
	share int
}

func (l loads) Len() int { return len(l) }
func (l loads) Less(i, j int) bool {
	return l[i].cost < l[j].cost || l[i].cost == l[j].cost && l[i].share < l[j].share
}
func (l loads) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l loads) Push(any)      { panic("shares neither come nor go") }
func (l loads) Pop() any      { panic("shares neither come nor go") }
