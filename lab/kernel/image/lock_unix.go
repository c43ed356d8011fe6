//go:build unix

package image

import (
	"errors"
	"os"
	"syscall"
)

// lock locks a folder until release is called, or this process ends in whatever way (flock(2)).
func lock(dir string) (release func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, os.NewSyscallError("flock", err)
	}
	// One that was removed or renamed since it was opened is not there to be locked.
	if _, err := os.Stat(dir); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
