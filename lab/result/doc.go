// Package result is what kernels answered, in the words that reports are made of: a Matrix has
// a Row for each experiment and a Cell for each of its combinations in each host. A Row says
// what a cell asked and wanted; a Cell says what came back, so that half a million of them
// take little room.
//
// It computes what follows from that alone: names of cells, counts, the digest, what claims
// come to. So reports add up: Merge makes one of those of parts of a run. Whoever runs
// experiments fills it in, package report prints it, and package compare holds two against
// each other.
package result
