// Command labrun builds labs of network namespaces from a YAML file and asks the kernel in them
// what it answers to bind, listen and connect.
//
// Each subcommand has a file of its own, with a function that returns its cobra.Command and keeps
// its flags in variables there: no object is shared by them, so a new one is a new file and a name
// in rootCommand. What a subcommand prints goes to its cobra.Command, which execute gives its
// outputs. Files call downwards only: run.go and the other subcommands call load.go, format.go and
// uplab_linux.go, and these call text.go and exit.go.
//
// Nothing here knows a rule of the kernel or builds a link: that is the library's, which go test
// has through lab/labtest as well.
package main

import (
	"os"
)

// main decides first what this process is: the processes of a lab are this program too, and none
// of them may read the command line of a user.
func main() {
	beProcess() // does not return in a process of a lab
	os.Exit(execute(rootCommand(), os.Args[1:], os.Stdout, os.Stderr))
}
