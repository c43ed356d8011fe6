// Package topologies has the lessons in the program, so that one can be listed, copied and run where no
// clone of the repository is. Beside them it has the atlas: questions of half a million cells that expect nothing.
package topologies

import "embed"

// Files are the lessons, in the folder shared what several of them include, and in the folder atlas the atlas.
//
//go:embed *.yaml shared/*.yaml atlas/*.yaml
var Files embed.FS
