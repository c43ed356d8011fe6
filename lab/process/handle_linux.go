package process

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// handle is a descriptor that has a name. All of an agent's are close-on-exec,
// for the sake of the programs that it starts; cloexec is what the experiment
// wants of this one, and what exec obeys.
type handle struct {
	fd      int // a closed one's is -1: a call that uses it answers EBADF
	cloexec bool
}

// isOpen asks the kernel: fd(7) names a descriptor that is not.
func (h handle) isOpen() bool {
	_, err := unix.FcntlInt(uintptr(h.fd), unix.F_GETFD, 0)
	return !errors.Is(err, unix.EBADF)
}

// argument is how a descriptor is passed on, as number fd.
func (h handle) argument(name string, fd int) string {
	mark := ""
	if h.cloexec {
		mark = markCloexec
	}
	return mark + name + "=" + strconv.Itoa(fd)
}

// What a process gets from the one before it stands in its arguments: names and
// numbers of descriptors, "a=4", "^a=4" for one that the experiment has made
// close-on-exec, "a=-1" for a closed one. The nameless one is agent.proc.
const markCloexec = "^"

// handles are a process's descriptors by the names of the experiment.
type handles map[string]handle

// former is behind the name of a descriptor that has lost it to another one.
const former = "'"

// keep gives a descriptor a name. One that had the name is still open, as it is
// in C when a variable is overwritten; it goes by the name with a prime.
func (all handles) keep(name string, h handle) {
	if old, ok := all[name]; ok && old.fd >= 0 {
		name := name + former
		for all[name].fd > 0 {
			name += former
		}
		all[name] = old
	}
	all[name] = h
}

// names returns the names, sorted: reports and arguments are the same on every run.
func (all handles) names() []string { return slices.Sorted(maps.Keys(all)) }
