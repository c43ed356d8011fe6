package guest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"labrun/lab/kernel/image"
)

// The descriptors of what runs a guest.
const (
	initrdFD  = 3 // the initramfs
	consoleFD = 4 // what the kernel says
	channelFD = 5 // what its init and this labrun say to each other
	filesFD   = 6 // what it asks of this machine's files
	kernelFD  = 7 // the kernel, where it is not the file that was named
)

// command is how a guest is started: a program of this machine, which gets the descriptors.
type command struct {
	kind    kind
	program string // looked up in PATH where it has no slash
	args    []string
	env     []string // beside this program's
	dir     string   // where it is started; "" is where this program is
	files   bool     // it gets filesFD
}

// kind is what kind of machine a guest is, from which follows how it is started and how its time passes.
type kind int

const (
	emulated   kind = iota // QEMU's, whose clock counts instructions: it stands still while the guest has no processor
	executed               // QEMU's, by KVM
	inUserMode             // User-mode Linux, whose children outlive it unless they are in a PID namespace with it
	sandboxed              // gVisor: the channel is its standard input and output, and it gets no initramfs
)

// commandFor returns how to start a kernel that Can has nothing against. With files, it gets those of this machine if
// it can: programs are for one architecture.
func commandFor(i image.Image, accel string, files *Files) command {
	switch {
	case i.UserMode:
		c := userMode(i)
		if files != nil {
			c.args = append(c.args, fmt.Sprintf("mem=%dM", memoryFiles), filesWord+"="+hostFiles, files.word())
		}
		return c
	case i.GVisor:
		return gVisor(i)
	}
	m := machines[i.Machine]
	if files != nil && m.files != nil && i.Machine == image.Host() {
		words := []string{m.append, filesWord + "=" + m.filesAt, files.word()}
		if accel != "kvm" {
			words = slices.Insert(words, 1, countedWord+"=1")
		}
		m.options, m.append = m.files, strings.Join(words, " ")
		c := m.command(i, accel)
		c.args[slices.Index(c.args, "-m")+1] = strconv.Itoa(memoryFiles)
		c.files = true
		return c
	}
	if files != nil {
		m.append += fmt.Sprintf(" %s=%s%s", filesWord, noFiles, image.Host())
	}
	return m.command(i, accel)
}

// Files says that a guest is to run programs of this machine: it is shown the machine's files, read-only, which takes
// it longer to boot.
type Files struct {
	// Folders are those of topologies, as paths from the root, where programs begin. They are seen in /tmp and
	// in other places, too, of which programs see nothing else.
	Folders []string
}

// private returns the folders that are in such places, each once.
func (f *Files) private() (folders []string) {
	for _, folder := range f.Folders {
		private := slices.ContainsFunc(ownDirs, func(dir string) bool { return strings.HasPrefix(folder, dir+"/") })
		if private && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// word tells the guest of them. It is the last one of a command line, which kernels cut where it is too long.
func (f *Files) word() string {
	var escaped []string
	for _, folder := range f.private() {
		parts := strings.Split(folder, "/")
		for i, p := range parts {
			parts[i] = strings.ReplaceAll(url.PathEscape(p), ",", "%2C")
		}
		escaped = append(escaped, strings.Join(parts, "/"))
	}
	return foldersWord + "=" + strings.Join(escaped, ",")
}

// machine is how QEMU emulates an architecture.
type machine struct {
	qemu    string // qemu-system-...
	options []string
	console string // what console= is there
	channel string // the device of the line to this labrun
	modules string // what has to be loaded before that exists
	append  string
	files   []string // the options where it shows this machine's files over a line of its own; nil where it cannot
	filesAt string   // the device of that line
}

// filesLine are the options of that line.
var filesLine = []string{"-chardev", fmt.Sprintf("socket,id=files,fd=%d", filesFD),
	"-device", "virtserialport,chardev=files"}

// machines are those that guests are emulated on, by architecture as uname(2) has it. They are the
// smallest ones. Where there is only one serial line, the channel is a port of virtio-serial.
var machines = map[string]machine{
	"x86_64": {
		qemu: "qemu-system-x86_64",
		options: []string{"-machine", "microvm,isa-serial=on,acpi=off", "-serial", "chardev:console",
			"-device", "isa-serial,chardev=channel,iobase=0x2f8,irq=3"},
		console: "ttyS0", channel: "ttyS1",
		append: "noapic reboot=t earlyprintk=ttyS0", // the decompressor says what is wrong only then
		// Kernels find no device of virtio without PCI: what microvm tells them by its command line most do not read.
		files: append([]string{"-machine", "pc", "-serial", "chardev:console", "-serial", "chardev:channel",
			"-device", "virtio-serial-pci"}, filesLine...),
		filesAt: "vport0p1",
	},
	"aarch64": {
		qemu: "qemu-system-aarch64",
		// Pointer authentication as in the architecture takes more time than all else together.
		options: []string{"-machine", "virt", "-cpu", "max,pauth-impdef=on", "-serial", "chardev:console",
			"-device", "virtio-serial-device", "-device", "virtserialport,chardev=channel"},
		console: "ttyAMA0", channel: "vport0p1", modules: "virtio_mmio,virtio_console",
	},
	"riscv64": {
		qemu: "qemu-system-riscv64",
		options: []string{"-machine", "virt", "-serial", "chardev:console",
			"-device", "virtio-serial-device", "-device", "virtserialport,chardev=channel"},
		console: "ttyS0", channel: "vport0p1", modules: "virtio_mmio,virtio_console",
	},
	// Where the clock does not count instructions, a kernel of 7.2 sends some segments that belong to no socket with a
	// wrong checksum here (Tcp:InCsumErrors), and a peer stays in LAST_ACK. Whether that is QEMU's doing or the kernel's
	// is not known: without labrun it is the same, and 6.1 does not.
	"s390x": {
		qemu: "qemu-system-s390x",
		options: []string{"-machine", "s390-ccw-virtio", "-device", "sclpconsole,chardev=console",
			"-device", "virtio-serial-ccw", "-device", "virtserialport,chardev=channel"},
		console: "ttysclp0", channel: "vport0p1", modules: "virtio_console",
	},
}

// tables has the kernel make a table of UDP sockets as large as that of a machine with much memory. In the 256 places
// that it makes of a guest's memory, one of a dozen sockets shares a place with the wildcard once in twenty times, and
// kernels with the bug of udp_lib_get_port that e537dd15d0d4 mended answer by that chance.
const tables = "uhash_entries=65536"

// memory is what a guest gets, in MB: enough for the kernel, labrun and a lab of some hosts. What programs keep of the
// machine's files, and write over them, is in memory as well.
const (
	memory      = 256
	memoryFiles = 1024
)

// command returns QEMU's.
func (m machine) command(i image.Image, accel string) command {
	args := []string{m.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-smp", "1",
		"-m", strconv.Itoa(memory), "-kernel", i.Kernel, "-initrd", fmt.Sprintf("/dev/fd/%d", initrdFD),
		"-chardev", fmt.Sprintf("socket,id=console,fd=%d", consoleFD),
		"-chardev", fmt.Sprintf("socket,id=channel,fd=%d", channelFD),
	}
	kind := executed
	if accel == "kvm" {
		args = append(args, "-accel", "kvm")
	} else {
		kind = emulated
		// The guest's clock counts instructions, and jumps over the time in which it has none to execute.
		args = append(args, "-accel", "tcg", "-icount", "shift=0,sleep=off")
	}
	words := strings.Fields(fmt.Sprintf("console=%s %s=%s %s=%s panic=-1 quiet %s %s", m.console, channelWord, m.channel,
		modulesWord, m.modules, tables, m.append))
	args = slices.Concat(args, m.options, []string{"-append", strings.Join(words, " ")})
	return command{kind: kind, program: m.qemu, args: args}
}

// userMode returns the command of a kernel that is a program. It has one thread for all that runs in
// it: on one processor, as many switches between that and its processes are quick, so it is pinned.
func userMode(i image.Image) command {
	var env []string
	if i.Libraries != "" {
		env = append(env, "LD_LIBRARY_PATH="+i.Libraries)
	}
	return command{kind: inUserMode, program: i.Kernel, env: env, dir: i.Libraries, args: []string{"linux",
		fmt.Sprintf("mem=%dM", memory), fmt.Sprintf("initrd=/proc/self/fd/%d", initrdFD),
		fmt.Sprintf("con0=null,fd:%d", consoleFD), "con=null", fmt.Sprintf("ssl0=fd:%d", channelFD), "ssl=null",
		"console=tty0", channelWord + "=ttyS0",
		"seccomp=on",     // quicker than ptrace(2); kernels before 6.16 pass it on to init
		"uml_dir=/proc/", // a folder that none can be made in: nothing is left of it
		"panic=-1", "noreboot", "quiet", tables,
	}}
}

// gVisor returns the command of runsc, whose "do" shows the machine's files to what it starts. Its state
// lies in privateDir.
func gVisor(i image.Image) command {
	args := []string{"runsc", "--root=" + privateDir + "/runsc", "--network=none",
		"--net-raw",        // root has CAP_NET_RAW
		"--ignore-cgroups", // the machine's, in which some would be left when it is killed
	}
	args = append(args, "do", "-quiet", privateInit)
	// Its children end with it.
	return command{kind: sandboxed, program: i.Kernel, args: args, env: []string{"TMPDIR=" + privateDir}}
}

// privateDir is a folder of memory that a guest's program sees alone, and privateInit labrun in it.
const (
	privateDir  = "/run"
	privateInit = privateDir + "/labrun-init"
	privateArg  = "labrun-private" // the name of the process that makes it, and becomes the guest
)

// The words of a guest's command line for its init. Those of the machine's files are the line that they come over, or
// hostFiles; that the guest's clock counts instructions; and folders of topologies, see Files.
const (
	channelWord = "labrun.channel"
	modulesWord = "labrun.modules"
	filesWord   = "labrun.files"
	countedWord = "labrun.counted"
	foldersWord = "labrun.folders"
	hostFiles   = "hostfs"  // User-mode Linux is a program of the machine, and has its files
	noFiles     = "not-of:" // and the machine's architecture, which is another one
)

// ownDirs are where a guest has something of its own.
var ownDirs = []string{"/proc", "/sys", "/dev", "/tmp", "/run"}
