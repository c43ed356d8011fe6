package main

import (
	"fmt"
	"slices"

	"labrun/lab/kernel/image"
)

// hostKernel is how --kernel names this machine's.
const hostKernel = "host"

// checkKernels finds mistakes in the flags about kernels before anything is built.
func (o *askOptions) checkKernels() error {
	for i, name := range o.kernels {
		if slices.Contains(o.kernels[:i], name) {
			return usagef("--kernel %s: given twice", name)
		}
		if name == hostKernel {
			continue
		}
		if err := image.Check(name); err != nil {
			return usageError{fmt.Errorf("--kernel %s: %w", name, err)}
		}
	}
	asksOthers := slices.ContainsFunc(o.kernels, func(name string) bool { return name != hostKernel })
	switch {
	case asksOthers && o.pause:
		return usagef("--pause-on-fail: a shell opens in hosts of this machine alone; leave out --kernel, or ask the host")
	case asksOthers && o.capture != "":
		return usagef("--capture: packets are written down on this machine's kernel alone; leave out --kernel, or ask the host")
	}
	return nil
}
