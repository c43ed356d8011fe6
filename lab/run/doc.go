// Package run turns topologies into matrices: it expands them into cells, runs
// every cell in a lab of its own, and judges the answers.
//
// A cell sees nothing of another cell because it shares nothing with it: its
// namespaces and its processes are made for it and are gone after it. The lab
// of a cell holds only the hosts that its experiment names.
package run
