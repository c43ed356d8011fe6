package process

import (
	"unsafe"

	"labrun/lab"

	"golang.org/x/sys/unix"
)

// option is how the kernel knows a socket option.
type option struct{ level, number int }

// optionNamed returns the option of a name that lab.OptionOf knows.
func optionNamed(name string) option {
	o, _ := lab.OptionOf(name)
	return option{lab.OptionLevels[o.Level], o.Number}
}

// setOption is setsockopt(2).
func setOption(fd int, o option, value unsafe.Pointer, size uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(o.level), uintptr(o.number), uintptr(value),
		size, 0)
	return errno
}
