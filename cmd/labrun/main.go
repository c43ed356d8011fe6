// Command labrun builds labs of network namespaces from a YAML file and asks
// the kernel in them what it answers to bind, listen and connect.
package main

import (
	"os"
)

func main() {
	beProcess() // does not return in a process of a lab
	os.Exit(execute(rootCommand(), os.Args[1:], os.Stdout, os.Stderr))
}
