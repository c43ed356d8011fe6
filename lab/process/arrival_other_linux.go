//go:build linux && !amd64 && !arm64 && !riscv64 && !s390x

package process

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// tellsSender says that the handler is the Go runtime's here, which tells what came and not from whom.
const tellsSender = false

// marker is a signal that no file names.
const marker = unix.SIGIO

var notified = make(chan os.Signal, 256)

// handlerAddress returns that of the runtime's handler.
func handlerAddress(own uintptr) uintptr { return own }

// catch has the runtime pass the signal on. Its own handler does as well without SA_RESTART, with which the runtime
// asks for it.
func catch(s unix.Signal) { signal.Notify(notified, marker, s) }

// arrived returns what has come since it was last called. The runtime passes on what its handler has noted on a thread
// of its own, several in one turn and in the order of their numbers: behind two of the process's own all that came
// before are there.
func arrived(a *agent) (all []arrival, err error) {
	for range 2 {
		if err := a.send(marker); err != nil {
			return nil, err
		}
		for s := range notified {
			if s == marker {
				break
			}
			all = append(all, arrival{signal: int32(s.(unix.Signal))})
		}
	}
	return all, nil
}
