package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/kernel/image"
)

// Names of kernels that are none of package image's: this machine's, and all that the cache has.
const (
	hostKernel = "host"
	allKernels = "all"
)

// asked is a kernel that is asked, and what.
type asked struct {
	kernel     string
	topologies []*lab.Topology
}

// checkKernels finds out which kernels are asked what, and the mistakes in their names before anything is built.
// The command line has them, or else the files, each for itself.
func (o *askOptions) checkKernels(topologies []*lab.Topology) error {
	o.asked = nil
	names, err := o.namedKernels()
	if err != nil {
		return err
	}
	for _, name := range names {
		o.asked = append(o.asked, asked{name, topologies})
	}
	if len(names) == 0 {
		o.asked = askedByFiles(topologies)
	}
	isHost := func(a asked) bool { return a.kernel == hostKernel }
	if i := slices.IndexFunc(o.asked, func(a asked) bool { return !isHost(a) }); i >= 0 {
		switch {
		case o.pause:
			return usagef("--pause-on-fail: a shell opens in hosts of this machine alone, and %s is asked; --kernel host asks "+
				"no other", o.asked[i].kernel)
		case o.capture != "":
			return usagef("--capture: packets are written down on this machine's kernel alone, and %s is asked; --kernel host "+
				"asks no other", o.asked[i].kernel)
		}
	} else {
		o.asked = nil // this machine's alone, as without names
	}
	return nil
}

// askedByFiles returns which kernels the files name, in their order, and for which files. A file that names none
// is for this machine's.
func askedByFiles(topologies []*lab.Topology) []asked {
	var all []asked
	for _, t := range topologies {
		names := t.Kernels
		if len(names) == 0 {
			names = []string{hostKernel}
		}
		for _, name := range names {
			i := slices.IndexFunc(all, func(a asked) bool { return a.kernel == name })
			if i < 0 {
				i, all = len(all), append(all, asked{kernel: name})
			}
			all[i].topologies = append(all[i].topologies, t)
		}
	}
	return all
}

// namedKernels returns the kernels that the flags name, each once.
func (o *askOptions) namedKernels() ([]string, error) {
	var names []string
	// The cache may have a kernel that another flag names: only what is typed twice is a mistake.
	add := func(where, name string, all []string) error {
		for _, n := range all {
			if slices.Contains(names, n) && name != allKernels {
				return usagef("%s%s: given twice", where, n)
			}
			if n != hostKernel && name != allKernels {
				if err := image.Check(n); err != nil {
					return usageError{fmt.Errorf("%s%s: %w", where, n, err)}
				}
			}
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
		return nil
	}
	for _, name := range o.kernels {
		all := []string{name}
		if name == allKernels {
			var err error
			if all, err = cachedKernels(); err != nil {
				return nil, err
			}
		}
		if err := add("--kernel ", name, all); err != nil {
			return nil, err
		}
	}
	for _, file := range o.kernelsFrom {
		lines, err := kernelLines(file)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if err := add(fmt.Sprintf("%s:%d: ", file, l.line), l.name, []string{l.name}); err != nil {
				return nil, err
			}
		}
	}
	return names, nil
}

// cachedKernels returns the names of all kernels of the cache.
func cachedKernels() ([]string, error) {
	cached, err := image.List()
	if err != nil {
		return nil, err
	}
	if len(cached) == 0 {
		return nil, usagef("--kernel all: the cache has no kernel; \"labrun kernels get debian:6.1\" puts one there")
	}
	names := make([]string, len(cached))
	for i, k := range cached {
		names[i] = k.Exact()
	}
	return names, nil
}

// kernelLine is a line of a file of --kernels-from.
type kernelLine struct {
	line int
	name string
}

// kernelLines reads a list of kernels: one a line, empty lines and comments aside.
func kernelLines(file string) ([]kernelLine, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, usagef("--kernels-from %s: %w", file, err)
	}
	if at := bytes.IndexByte(text, 0); at >= 0 {
		return nil, usagef("--kernels-from %s: not a text; it has one kernel a line", file)
	}
	var all []kernelLine
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		name, _, _ := strings.Cut(line, "#") // no name of a kernel that apt has can have one
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, kernelLine{n, name})
		}
	}
	if len(all) == 0 {
		return nil, usagef("--kernels-from %s: it names no kernel", file)
	}
	return all, nil
}
