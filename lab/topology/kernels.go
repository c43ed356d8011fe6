package topology

import (
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// kernelPattern is what kernels a file may ask for. Files of kernels are not among them: User-mode Linux and runsc
// are programs, and a stranger's file must not say which of the machine's files are run as such.
const kernelPattern = `^(?:host|gvisor|um(?::[0-9][0-9A-Za-z.+~-]*)?|debian(?::[0-9][0-9A-Za-z.+~-]*` +
	`(?::(?:amd64|arm64|i386|riscv64|s390x))?)?)$`

var kernelSyntax = once.Regexp(kernelPattern)

// maxKernels is how many kernels a file may ask for. Each takes a guest and seconds of its own.
const maxKernels = 100

// kernels reads the section kernels: what --kernel says where the command line does not.
func (c complaints) kernels(e yamlpos.Entry) []string {
	items := yamlpos.List(e.Value)
	switch {
	case len(items) == 0:
		c.Wrong(e.Value, "kernels is empty; leave the key out, and this machine's is asked")
	case len(items) > maxKernels:
		c.Wrong(e.Value, "kernels has %d; at most %d are allowed", len(items), maxKernels)
		return nil
	}
	var all []string
	lines := map[string]int{}
	for _, item := range items {
		name, ok := c.Text(item, "kernels")
		switch {
		case !ok:
		case lines[name] > 0:
			c.Wrong(item, "kernels: %s is named twice, first on line %d", wording.Quote(name), lines[name])
		case !kernelSyntax().MatchString(name):
			c.Wrong(item, "kernels: %s is not the name of a kernel%s", wording.Quote(name), meantKernel(name))
		default:
			lines[name] = item.Line
			all = append(all, name)
		}
	}
	return all
}

// meantKernel ends a complaint about a kernel's name.
func meantKernel(name string) string {
	const allowed = "allowed: host, debian, debian:VERSION, debian:VERSION:ARCHITECTURE, um, um:VERSION, gvisor"
	// A version alone is what most people type first.
	kind, version, versioned := strings.Cut(name, ":")
	meant := wording.Nearest(kind, []string{"host", "debian", "um", "gvisor"})
	if versioned {
		meant += ":" + version
	}
	if _, err := lab.ParseKernelVersion(name); err == nil {
		meant = "debian:" + name
	}
	switch {
	case meant != name && kernelSyntax().MatchString(meant):
		return ", did you mean " + wording.Quote(meant) + "? " + allowed
	case strings.ContainsAny(name, "/"):
		return "; a file's is for the command line: --kernel " + wording.Clip(name) + "; " + allowed
	}
	return "; " + allowed
}

// kernelsSchema is the section kernels.
func kernelsSchema() object {
	o := oneOrMore("The kernels that are asked where the command line names none, each in a column of its own.",
		like("A kernel: this machine's (host), the newest of Debian's that apt knows (debian:6.1), User-mode Linux "+
			"(um:6.1), or gVisor.", kernelPattern, "host", "debian:6.1", "debian:6.12.117", "um:6.1", "gvisor"))
	o["anyOf"].([]object)[1]["maxItems"] = maxKernels
	o["anyOf"].([]object)[1]["uniqueItems"] = true
	return o
}
