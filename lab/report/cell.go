package report

import "labrun/lab/result"

// Explain returns what a text report says of a cell that did not pass, without a
// line end: of a failed one the red step, what was wanted and what the kernel
// answered, who held the port, and the command to look for oneself.
func Explain(m *result.Matrix, c *result.Cell) string { return explain(visibleCell(m, c)) }
