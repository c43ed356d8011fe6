package program

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"

	"labrun/lab/child"
)

// Descriptors of the init of a program's namespaces, beside the pair's end.
const (
	exeFD    = child.ControlFD + 1 // what the init of a copied view is executed from: other numbers are taken before that
	setupFD  = child.ControlFD + 2
	tmpFD    = child.ControlFD + 3 // with runFD the lab's files, see Files.mounts
	runFD    = child.ControlFD + 4
	folderFD = child.ControlFD + 5
)

// setup is passed from labrun to a program's init, as JSON in a memfd.
type setup struct {
	User      *uint32
	Hosts     string
	Dir       string
	Env       []string
	HasFiles  bool    // as tmpFD and runFD
	HasFolder bool    // as folderFD
	Self      ownFile // labrun's
	Shared    []string
}

// memfd returns a file in memory that says so.
func (s setup) memfd() (*os.File, error) {
	f, err := child.Memory("labrun-setup")
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(f).Encode(s); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readSetup reads it and closes its descriptor.
func readSetup() (s setup, err error) {
	in := os.NewFile(setupFD, "setup")
	defer in.Close()
	if err := json.NewDecoder(io.NewSectionReader(in, 0, math.MaxInt64)).Decode(&s); err != nil {
		return s, fmt.Errorf("read the setup: %w", err)
	}
	return s, nil
}
