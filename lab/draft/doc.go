// Package draft writes topology files from values of the vocabulary: what was recorded, imported or tried becomes
// a file that a person goes on with. It is the way back of package topology, for what can be in a file without
// axes, rules and includes, and pure.
//
// A File is a Layout, which a file that was loaded has too, and Experiments, whose lines are steps and comments:
//
//	f := draft.File{Doc: "What I tried.", Layout: draft.DualNIC("tried")}
//	f.Experiments = []draft.Experiment{{Name: "tried", Hosts: []string{"alpha"}, Lines: []draft.Line{
//		{Comment: "The first one has the port."},
//		{Step: lab.Step{Process: lab.Process{Name: "main"}, Call: call, Want: want}},
//	}}}
//	text := f.Text()
//
// The text is in the form of labrun fmt, with a call on each line of "steps: |", where none needs YAML's quotes.
// Nothing is checked: topology.Load says what is wrong with a text that was made from a wrong value.
package draft
