package process

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// forbidden is a page that the process may neither read nor write.
var forbidden = sync.OnceValues(func() ([]byte, error) {
	return unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
})

// pointerOf returns the pointer that is the argument at that place, and otherwise memory's own.
func pointerOf(r *request, i int, own unsafe.Pointer) unsafe.Pointer {
	word, ok := hasArg[lab.Pointer](r, i)
	switch {
	case !ok:
		return own
	case word == "nil":
		return nil
	}
	page, err := forbidden()
	if err != nil {
		return nil // as bad as the other one
	}
	return unsafe.Pointer(unsafe.SliceData(page))
}

// unknownSize is how many bytes a pointer to a text or a value says to have.
const unknownSize = 16
