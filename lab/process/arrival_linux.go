//go:build linux && (amd64 || arm64 || riscv64 || s390x)

package process

import (
	"errors"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// tellsSender says whether the handler tells who sent a signal.
//
// The Go runtime's handler passes on which signal came, and no siginfo. So on these architectures signals of the
// experiment have a handler of ours, in the assembly of noteArrival: it writes what the kernel tells into the next
// slot of a ring, touches nothing else and returns to the kernel (rt_sigreturn). It may run on any thread, at any
// instruction, so it calls nothing, needs neither a stack nor the runtime's g, and takes its slot atomically. It keeps
// the mask that the runtime's handlers have, all signals, and is not interrupted itself.
const tellsSender = true

// ringSize is how many signals may come during one call. The assembly has it too, as a mask.
const ringSize = 256

// What noteArrival writes. A signal's number is written last: until then it is 0, and the slot is not read.
var (
	ring [ringSize]arrival
	came uint32 // how many have taken a slot; it wraps around, as ringSize divides 1<<32
)

// seen is how many have been read, by the one thread that takes requests.
var seen uint32

// handlerPC returns the address of noteArrival as the kernel calls it, without what Go puts before a function.
func handlerPC() uintptr

// handlerAddress returns that of the handler, for a signal in the place of the runtime's own one.
func handlerAddress(uintptr) uintptr { return handlerPC() }

// catch has nothing to prepare: the handler alone will do.
func catch(unix.Signal) {}

// arrived returns what has come since it was last called. A signal that the calling thread has sent itself is among them:
// its handler has run before tgkill(2) returned.
func arrived(*agent) (all []arrival, err error) {
	last := atomic.LoadUint32(&came)
	if last-seen > ringSize {
		return nil, errors.New("more signals came during one call than there is room for")
	}
	for ; seen != last; seen++ {
		slot := &ring[seen%ringSize]
		for atomic.LoadInt32(&slot.signal) == 0 {
			runtime.Gosched() // another thread is within the handler
		}
		all = append(all, *slot)
		atomic.StoreInt32(&slot.signal, 0)
	}
	return all, nil
}
