// Package compare finds what two reports, an earlier and a later one, do not
// agree about: cells, claims, and the environment apart from them. It is pure;
// package report prints what it finds.
//
// Cells are matched by the names of their topology, of themselves and of their
// host, wherever they stand. An outcome is what result.DigestOf digests: the verdict,
// and the calls that were made with what was wanted and what was answered. There
// may be half a million cells, so a Difference points into the two reports and
// copies nothing out of them.
package compare
