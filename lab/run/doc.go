// Package run turns topologies into matrices: it finds out which features the
// kernel has that answers depend on, asks it for every cell, and judges the answers.
//
// The cells of an experiment with axes are cut into jobs (job.go). Which cells are of one
// depends on the file alone, so a report is the same with any number of workers.
package run
