package guest

import (
	"fmt"
	"slices"
	"strconv"
)

// machine is how QEMU emulates an architecture.
type machine struct {
	qemu    string // qemu-system-...
	options []string
	console string // what console= is there
	channel string // the device of the line to this labrun
	append  string
}

// machines are those that guests are emulated on, by architecture as uname(2) has it. They are the
// smallest ones, without firmware that has to be run first.
var machines = map[string]machine{
	"x86_64": {
		qemu: "qemu-system-x86_64",
		options: []string{"-machine", "microvm,isa-serial=on,acpi=off", "-serial", "chardev:console",
			"-device", "isa-serial,chardev=channel,iobase=0x2f8,irq=3"},
		console: "ttyS0", channel: "ttyS1",
		append: "noapic reboot=t uhash_entries=65536",
	},
}

// memory is what a guest gets, in MB: enough for the kernel, labrun and a lab of some hosts.
const memory = 256

// command returns QEMU's arguments. The descriptors are those of the child.
func (m machine) command(kernel string, initrd, console, channel int, append string) []string {
	args := []string{m.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1", "-m", strconv.Itoa(memory),
		"-kernel", kernel, "-initrd", fmt.Sprintf("/dev/fd/%d", initrd),
		"-chardev", fmt.Sprintf("socket,id=console,fd=%d", console),
		"-chardev", fmt.Sprintf("socket,id=channel,fd=%d", channel),
	}
	args = slices.Concat(args, m.options)
	return slices.Concat(args, []string{"-append", fmt.Sprintf("console=%s labrun.channel=%s panic=-1 quiet %s %s", m.console, m.channel, m.append, append)})
}
