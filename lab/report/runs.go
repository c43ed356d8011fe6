package report

import (
	"iter"

	"labrun/lab/result"
)

// runs cuts a list into the longest pieces whose neighbours belong together, each with the
// index of its first item. Half a million cells stand in one list, row by row; formats go by
// rows, columns or what else belongs together, and runs gives them those uncopied.
func runs[T any](all []T, together func(a, b *T) bool) iter.Seq2[int, []T] {
	return func(yield func(int, []T) bool) {
		start := 0
		for i := range all {
			if i+1 < len(all) && together(&all[i], &all[i+1]) {
				continue
			}
			if !yield(start, all[start:i+1]) {
				return
			}
			start = i + 1
		}
	}
}

// inRow reports whether two cells are of one experiment.
func inRow(a, b *result.Cell) bool { return a.Row == b.Row }

// inBlock reports whether two cells are of one experiment in one column.
func inBlock(a, b *result.Cell) bool { return a.Row == b.Row && a.Column == b.Column }
