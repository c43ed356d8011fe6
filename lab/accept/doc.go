// Package accept writes what kernels answered into the files that asked: in place of "?", and of an answer that turned
// out to be another one.
//
//	Session.Add       a run: its matrices       -> what each place of a file was answered, in which cells
//	Session.Decide    the places                -> edits, and what is left as it is, with the reason
//	topology.Written  edits                     -> texts, in which nothing else has changed
//
// A red cell ends at its red step, so what comes behind is known only after another run, of the texts as they are by
// then. A caller runs, adds and decides until a decision says that nothing has changed: that last run has proved that
// what was written holds. Every decision is made from all runs and the files as they were, and not from the one
// before, so the order in which cells became known does not matter.
//
// One place of a file may be asked by many cells: in several hosts, on several kernels, in all combinations of the
// axes. An answer that is the same everywhere replaces what is written. One that differs by kernel gets conditions on
// the version, and one that differs by combination gets rules, where want: gives the step's answer. Everything else
// is left, since a file cannot say it in that place.
package accept
