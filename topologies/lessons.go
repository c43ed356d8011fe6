// Package topologies has the lessons in the program, so that one can be listed, copied and run where no
// clone of the repository is.
package topologies

import "embed"

// Files are the lessons, and in the folder shared what several of them include.
//
//go:embed *.yaml shared/*.yaml
var Files embed.FS
