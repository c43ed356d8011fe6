package local

import (
	"context"

	"labrun/lab"
	"labrun/lab/kernel"
)

// asker answers one request.
type asker struct {
	*Kernel
	kernel.Request
	each   func(int, kernel.Answer)
	build  builder // of a cell's lab
	shares bool    // a cell may have what another one has left, if the kernel tells when nothing is left in it
}

func (a *asker) red(ctx context.Context, i int, answer kernel.Answer, c *cell) {
	if answer.Red && a.Red != nil {
		a.Red(ctx, i, answer, &Kept{c})
	}
}

func (a *asker) cell(combo lab.Combo) *cell {
	c := newCell(a.Question, combo, a.On)
	c.evidence, c.waits, c.pool, c.noFiles = a.Evidence, a.Waits, &a.kept, a.NoFiles
	c.prints, c.bare, c.slow, c.folder = a.Outputs, a.Bare, a.Slow, a.Folder
	return c
}
