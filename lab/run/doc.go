// Package run turns topologies into matrices: it finds out which features the
// kernel has that answers depend on, runs every cell, and judges the answers.
//
// A cell sees nothing of another cell: its hosts and its processes are made for
// it and are gone after it. Only bridges are kept, for the next cell with the same
// networks, and only once the kernel says that they have no ports any more
// (fabric.Pool). The lab of a cell holds just the hosts that its experiment names.
//
// The cells of an experiment with axes are cut into jobs (job.go). Within one they
// share a lab where two things are so (share.go): their calls use sockets of the
// plain kinds and touch nothing else, and after each cell every host has no socket
// that it did not have before, by the kernel's own count (/proc/net/sockstat:
// sockets of every kind, and connections in TIME_WAIT). Where one process makes
// all the calls and they answer no value, it carries out thousands of cells by
// itself (solo.go), nearly as fast as a loop of the bare calls. None of that is so
// where the packets of cells are captured (capture.go).
//
// Where the answer is an errno or red, the cell waits until no segment is under way
// and looks which sockets explain it (evidence.go). That takes ten times as long as
// the calls, so in batches the first red cells are looked into, and nothing else.
package run
