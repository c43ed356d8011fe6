// Command labrun builds labs of network namespaces from a YAML file and asks
// the kernel in them what it answers to bind, listen and connect.
package main

import (
	"os"
	"runtime"

	"labrun/lab/process"
)

// The main thread stays in the caller's namespaces for good: goroutines that
// visit a lab run on threads that end with the visit.
func init() { runtime.LockOSThread() }

func main() {
	process.Main() // does not return in a process of a lab
	c := command{stdout: os.Stdout, stderr: os.Stderr}
	if status, is := c.seedMain(os.Args); is {
		os.Exit(status)
	}
	os.Exit(c.run(os.Args[1:]))
}
