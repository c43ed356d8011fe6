package main

import (
	"io/fs"
	"path"
	"strings"

	"labrun/lab"
	"labrun/lab/topology"
	"labrun/topologies"
)

// standardLab is the lesson whose hosts are those of "labrun try": alpha and beta, with two NICs each.
const standardLab = "dual-nic"

// atlas is the folder of topologies with every combination of what lessons are about. They expect nothing and teach
// nothing by themselves, so they are run by their names as lessons are, "atlas/tcp", and are not among these.
const atlas = "atlas"

// lessonNames returns the names of the lessons in this program, sorted.
func lessonNames() []string {
	files, err := fs.Glob(topologies.Files, "*.yaml")
	if err != nil {
		panic(err) // the pattern is good
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".yaml")
	}
	return files
}

// lessonNamed returns a lesson, false where there is none of that name. It is called by its name, as a file would be
// by its path: commands that a report prints find it again by that.
func lessonNamed(name string) (topology.Source, bool) {
	source, err := topology.In(topologies.Files, name+".yaml", name)
	return source, err == nil && (!strings.Contains(name, "/") || path.Dir(name) == atlas)
}

// loadLesson returns a lesson, which exists.
func loadLesson(name string) (*lab.Topology, error) {
	source, _ := lessonNamed(name)
	return topology.Load(source)
}

// standardTopology returns the lesson with the standard lab.
func standardTopology() (*lab.Topology, error) { return loadLesson(standardLab) }
