// Package topology reads a topology file: YAML bytes in, a lab.Topology out.
//
// A Topology that Load returns has no loose ends: every name resolves, every
// NIC has its addresses (those that the file leaves out are the next free ones,
// the same on every run), and in every column that an experiment has, its steps
// use only sockets, processes and ports that are there by then. Whatever is
// wrong with the file comes out at once, as Diagnostics: each complaint has a
// place, and says what was found there and what was allowed.
//
// Four passes each hand on a value, and all add to the same complaints:
//
//	readFiles        texts, their YAML           -> files: the sections of each
//	readLayout       networks, defaults, hosts   -> layout
//	readExperiments  claims, probes, experiments -> experiments: slots, and all that each may be
//	check            each experiment in every column of the layout
//
// What could not be read is marked where it is missing in such a value, so that one mistake makes
// one complaint: an index is nil when any name may be right, and what is bad, unsure or broken
// is not the cause of what lacks because of it. The rule for each check is to be silent where its
// complaint would go away with another one's mistake.
//
// A pass reads all that it can after a mistake. Sections are read in the order of the passes,
// whatever their order in the file, and within one in that of the file, since addresses and
// combinations follow from it. The schema (schema*.go) is the same vocabulary for editors, and the
// folder (folder.go) all that looks at the machine.
//
// A topology may include files with experiments that several share. They are read
// as it is, before its own experiments; places and complaints name the file.
//
// A file is data from a stranger, so every size has a limit (limits.go) that is
// checked before the work that grows with it. Names are taken as written: y, no
// and 0x1f are names, never booleans or numbers. No path and no link leads to a file
// outside of the topology's folder.
package topology
