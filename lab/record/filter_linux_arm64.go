package record

import "golang.org/x/sys/unix"

func init() { calls[unix.SYS_ACCEPT] = "accept" }
