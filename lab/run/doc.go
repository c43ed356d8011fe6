// Package run turns topologies into matrices: it expands them into cells, runs
// every cell in a lab of its own, and judges the answers.
//
// A cell sees nothing of another cell: its hosts and its processes are made for
// it and are gone after it. Only bridges are kept, for the next cell with the same
// networks, and only once the kernel says that they have no ports any more
// (fabric.Pool). The lab of a cell holds just the hosts that its experiment names.
package run
