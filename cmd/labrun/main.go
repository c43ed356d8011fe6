// Command labrun builds labs of network namespaces from a YAML file and asks
// the kernel in them what it answers to bind, listen and connect.
package main

import (
	"os"
)

func main() {
	beProcess() // does not return in a process of a lab
	os.Exit(command{stdout: os.Stdout, stderr: os.Stderr}.main(os.Args[1:]))
}
