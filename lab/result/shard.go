package result

import "time"

// Shard is a deterministic share of the cells of a run. The report of one is a part: it has the rows
// and columns of the whole run, as all its parts have, and of the cells its share, in the order of the
// whole. What it says beside its number lets a merge find out what is missing, and a resumed run what
// to ask: with the sources that the report holds it is the command line of the run.
type Shard struct {
	Index int    `json:"index"`          // from 1
	Of    int    `json:"of"`             // how many there are
	By    string `json:"by,omitempty"`   // ByKernel where each is of some kernels; "" is cells
	Node  string `json:"node,omitempty"` // the machine's name, uname(2)
	// Cells is how many cells the whole run has. That of shards by kernel has them on the kernels of this one.
	Cells int `json:"cells"`
	// Lacks is how many cells of the share the report does not have: the run was cut short, or goes on.
	Lacks int `json:"lacks,omitempty"`

	// The flags that chose the cells of the run.
	Only    []string `json:"only,omitempty"`
	Hosts   []string `json:"hosts,omitempty"`
	Kernels []string `json:"kernels,omitempty"` // all that the run asks; empty is those that the files name
	Repeat  int      `json:"repeat,omitempty"`  // how often all runs; 0 is once
}

// ByKernel is the By of a shard that has all cells of some of the kernels.
const ByKernel = "kernel"

// Machine is where a part of a merged report comes from.
type Machine struct {
	Node    string    `json:"node,omitempty"`   // its name, uname(2)
	Kernel  string    `json:"kernel,omitempty"` // by the name that columns have, or its release; of several, with commas
	Shard   int       `json:"shard"`            // from 1
	Of      int       `json:"of"`
	Started time.Time `json:"started"`
	Elapsed float64   `json:"elapsed_seconds"`
	Jobs    int       `json:"jobs"`
}
