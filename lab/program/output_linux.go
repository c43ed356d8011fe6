package program

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxOutput is how much of a program's output is kept: its beginning.
const maxOutput = 1 << 20

// output is one stream that a program writes, a pipe, as most programs know it.
type output struct {
	r    *os.File
	raw  syscall.RawConn
	done chan struct{} // closed at end-of-file

	mu   sync.Mutex
	text []byte
	cut  bool
}

// newOutput returns an output and the end of its pipe that the program gets. A
// program may open that again as /dev/stdout, so it belongs to its user.
func newOutput(user *uint32) (*output, *os.File, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("pipe2: %w", err)
	}
	if user != nil {
		_ = unix.Fchown(fds[1], int(*user), int(*user)) // starting the program will tell
	}
	// The reading end alone: programs do not expect EAGAIN.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("fcntl O_NONBLOCK: %w", err)
	}
	o := &output{r: os.NewFile(uintptr(fds[0]), "output"), done: make(chan struct{})}
	w := os.NewFile(uintptr(fds[1]), "output")
	var err error
	if o.raw, err = o.r.SyscallConn(); err != nil {
		o.r.Close()
		w.Close()
		return nil, nil, fmt.Errorf("pipe: %w", err)
	}
	go func() {
		defer close(o.done)
		_ = o.raw.Read(func(fd uintptr) bool { // an error is that it was closed
			for {
				if n, err := o.take(fd); err != nil || n == 0 {
					return !errors.Is(err, unix.EAGAIN)
				}
			}
		})
	}()
	return o, w, nil
}

// take reads once. The reading goroutine and String may both want to: a program that has just
// printed and waits must not be reported without what it said.
func (o *output) take(fd uintptr) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := make([]byte, 64<<10)
	for n, err = unix.Read(int(fd), b); errors.Is(err, unix.EINTR); {
		n, err = unix.Read(int(fd), b)
	}
	if err != nil {
		return 0, err
	}
	room := min(n, maxOutput-len(o.text))
	o.text = append(o.text, b[:room]...)
	o.cut = o.cut || room < n
	return n, nil
}

// String returns what has been written until now, of much the beginning.
func (o *output) String() string {
	_ = o.raw.Control(func(fd uintptr) { // an error is that it was closed
		// What a pipe can hold, and no more: a program may write for ever.
		for taken := 0; taken < 1<<20; {
			n, err := o.take(fd)
			if err != nil || n == 0 {
				return
			}
			taken += n
		}
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cut {
		return fmt.Sprintf("%s\n[labrun: the output goes on after %d bytes]\n", o.text, maxOutput)
	}
	return string(o.text)
}

// close ends the reading, once no process is left to write.
func (o *output) close() {
	_ = o.String()
	o.r.Close()
	<-o.done
}
