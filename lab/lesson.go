package lab

// Lesson is what a topology teaches: the question that it puts to the kernel, and what was found. Nothing
// depends on it: reports and lists show it, and cells decide whether it is true.
type Lesson struct {
	Question string   `json:"question,omitempty"`
	Found    string   `json:"found,omitempty"` // the answer, in one or two sentences
	Level    string   `json:"level,omitempty"` // one of Levels, or ""
	See      []string `json:"see,omitempty"`   // names of other topologies, and manual pages such as socket(7)
}

// IsZero reports whether the topology teaches nothing.
func (l Lesson) IsZero() bool {
	return l.Question == "" && l.Found == "" && l.Level == "" && len(l.See) == 0
}

// Level is a shelf of lessons.
type Level struct{ Name, Doc string }

// Levels are the shelves in the order in which lessons are read.
var Levels = []Level{
	{"basics", "where to begin: which sockets are in each other's way, and when that is found out"},
	{"sharing", "options and sockets that share a port"},
	{"lifetime", "restarts, TIME_WAIT, and sockets that outlive their program"},
	{"calls", "what calls answer: when they wait, what wakes them, what they refuse"},
	{"network", "addresses, NICs, routers, and the ways between hosts"},
	{"internals", "kernels that differ, and the tests of Linux and of others, translated"},
}

// LevelNames returns the names of the levels in their order.
func LevelNames() []string {
	var names []string
	for _, l := range Levels {
		names = append(names, l.Name)
	}
	return names
}
