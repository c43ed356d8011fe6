package main

import (
	"labrun/lab"
	"labrun/lab/topology"
	"labrun/topologies"
)

// standardLab is the lesson whose hosts are those of "labrun try": alpha and beta, with two NICs each.
const standardLab = "dual-nic.yaml"

// standardTopology returns the lesson with the standard lab, out of this program.
func standardTopology() (*lab.Topology, error) {
	text, err := topologies.Files.ReadFile(standardLab)
	if err != nil {
		return nil, err
	}
	return topology.Load(topology.Source{File: standardLab, Text: text})
}
