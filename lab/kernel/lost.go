package kernel

import (
	"context"

	"labrun/lab"
)

// Lost is a kernel that could not be had: each of its cells is an error, with the reason.
type Lost struct{ Why error }

// Has says that it has nothing: no answer depends on that.
func (l Lost) Has(context.Context, []lab.Feature) (map[lab.Feature]bool, error) { return nil, nil }

// Answer answers every cell with the reason.
func (l Lost) Answer(_ context.Context, r Request, each func(int, Answer)) {
	for i, ok := r.Next(); ok; i, ok = r.Next() {
		each(i, Answer{Err: l.Why})
	}
}
