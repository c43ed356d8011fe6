package compare

import "errors"

// Bisection says where an answer changes among kernels that stand in order of their versions.
type Bisection struct {
	// Before and After are neighbours among those that answered, whose answers differ. When the ends have the same
	// answer, they are the ends: what changed and changed back between them is not looked for.
	Before, After int
	Differ        bool
	Silent        []int // between Before and After, that were asked and had no answer
	Asked         int   // how many kernels were
}

// ErrSilent says that fewer than two kernels answered, so that there is nothing to compare.
var ErrSilent = errors.New("fewer than two of the kernels answered")

// Bisect asks the first and the last of n kernels, and then those in the middle between two that differ: 2 + log2 n
// of them. One that has no answer, as it skips the cell or could not be asked, is passed over for the nearest that
// may have one. ask asks a kernel and reports whether it answered; its error ends the search. same compares the
// answers of two that did.
func Bisect(n int, ask func(i int) (bool, error), same func(i, j int) bool) (Bisection, error) {
	b := Bisection{Before: -1, After: n}
	silent := make([]bool, n)
	answers := func(i int) (bool, error) {
		b.Asked++
		ok, err := ask(i)
		silent[i] = !ok
		return ok, err
	}
	for i, found := 0, false; i < n && !found; i++ {
		ok, err := answers(i)
		if err != nil {
			return b, err
		}
		b.Before, found = i, ok
	}
	for j, found := n-1, false; j > b.Before && !found; j-- {
		ok, err := answers(j)
		if err != nil {
			return b, err
		}
		b.After, found = j, ok
	}
	if b.After >= n || silent[b.After] || silent[b.Before] {
		return b, ErrSilent
	}
	if b.Differ = !same(b.Before, b.After); !b.Differ {
		return b, nil
	}
	for {
		mid := nearest(b.Before, b.After, silent)
		if mid < 0 {
			break
		}
		ok, err := answers(mid)
		switch {
		case err != nil:
			return b, err
		case !ok:
		case same(b.Before, mid):
			b.Before = mid
		default:
			b.After = mid
		}
	}
	for i := b.Before + 1; i < b.After; i++ {
		b.Silent = append(b.Silent, i)
	}
	return b, nil
}

// nearest returns what is between two and nearest to their middle, among those that are not known to be silent; -1
// when there is none.
func nearest(low, high int, silent []bool) int {
	middle := (low + high) / 2
	for away := range high - low {
		for _, i := range []int{middle - away, middle + away} {
			if low < i && i < high && !silent[i] {
				return i
			}
		}
	}
	return -1
}
