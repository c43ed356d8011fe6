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
	os.Exit(command{stdout: os.Stdout, stderr: os.Stderr}.run(os.Args[1:]))
}
