package main

import (
	"os"
	"runtime"
	"strings"

	"labrun/lab/kernel/guest"
	"labrun/lab/kernel/local"
	"labrun/lab/record"
)

// The main thread stays in the caller's namespaces for good: goroutines that
// visit a lab run on threads that end with the visit.
func init() { runtime.LockOSThread() }

// beProcess is the life of a process of a lab, or of one of the note's programs,
// when this program was started as one.
func beProcess() {
	guest.Main()
	local.Main()
	record.Main()
	if status, is := seedMain(os.Args); is {
		os.Exit(status)
	}
}

// seedMain is the life of labrun under another name: that of one of the note's
// programs, of a server's child, or of the child that names a report. Under its own
// name it returns at once.
func seedMain(argv []string) (status int, is bool) {
	if len(argv) == 0 {
		return 0, false
	}
	switch name := argv[0]; name[strings.LastIndex(name, "/")+1:] {
	case "connect":
		return execute(connectCommand(), argv[1:], os.Stdout, os.Stderr), true
	case "server":
		return execute(serverCommand(), argv[1:], os.Stdout, os.Stderr), true
	case arg0Child:
		return childMain(os.Stdin), true
	case arg0Namer:
		return namerMain(argv[1]), true
	}
	return 0, false
}
