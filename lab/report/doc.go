// Package report prints matrices in the Formats that there are, and reads the
// JSON back. It computes nothing: what a report says was found by package run.
// The JSON holds all of it, so every other format can be made later.
//
// A text report has one table for each topology, experiments by hosts. An experiment
// with axes has a line there that counts its cells, and below the table its answers:
// with one axis a table with a column for all hosts that answered alike, with more
// a grid for them:
//
//	two-binders on alpha, beta
//	       second
//	first  x           y   any
//	x      EADDRINUSE  ok  !ok (want EADDRINUSE)
//	any    EADDRINUSE  .   EADDRINUSE
//	"." is left out by the file
//
// Of an experiment without axes it has what the file asks and leaves open. What
// is red is explained below that, and last come the claims, the environment
// and the counts.
//
// A difference between two reports, which package compare finds, has some of the
// formats too: those with a Diff.
//
// There may be half a million cells, so formats are written as they are made and
// hold nothing for a cell that passed. What no page can bear is cut, and a line
// says how to see it. In JSON each cell has a line of its own, for grep(1) and diff(1).
//
// There may be more than fit into memory, too, in reports that are put together: a Merger reads parts one by one into a
// spool, and writes what package result says that they are together. Files may be compressed.
package report
