package guest

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/kernel/image"
)

// BenchmarkBoot says how much of a processor each kernel of LABRUN_TEST_KERNELS, a list such as PATH is, takes until it
// can be asked, with what labrun does for it, against the same kernel on the same machine with an init that ends it at
// once. The aim is 1.3x. A machine's load makes a boot last longer, and hardly take more of a processor.
func BenchmarkBoot(b *testing.B) {
	kernels := filepath.SplitList(os.Getenv("LABRUN_TEST_KERNELS"))
	if len(kernels) == 0 {
		b.Skip("LABRUN_TEST_KERNELS names no kernels")
	}
	for _, spec := range kernels {
		b.Run(filepath.Base(spec), func(b *testing.B) {
			i, err := image.Open(b.Context(), spec)
			if err != nil {
				b.Fatal(err)
			}
			if i.Machine != "x86_64" || image.Host() != "x86_64" {
				b.Skip("the bare init is of x86-64")
			}
			var bare, boot, own time.Duration
			for b.Loop() { // one after the other, so that a machine's load is the same for both
				bare += bootBare(b, i)
				began := ownTime()
				k, err := Start(b.Context(), i, Options{Accel: "tcg"})
				if err != nil {
					b.Fatal(err)
				}
				own += ownTime() - began
				k.Close()
				boot += timeOf(k)
			}
			for name, d := range map[string]time.Duration{"bare-ms": bare, "boot-ms": boot, "labrun-ms": own} {
				b.ReportMetric(float64(d.Milliseconds())/float64(b.N), name)
			}
			b.ReportMetric(float64(boot+own)/float64(bare), "x")
		})
	}
}

// timeOf returns how long the process of a kernel that has ended had a processor.
func timeOf(k *Kernel) time.Duration {
	return k.process.ProcessState.UserTime() + k.process.ProcessState.SystemTime()
}

// ownTime returns how long this process had one.
func ownTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // of a process that exists: it cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bootBare boots a kernel whose init ends it, waits for that, and returns how long it had a processor.
func bootBare(b *testing.B, i image.Image) time.Duration {
	b.Helper()
	var text bytes.Buffer
	a := newArchive(&text)
	a.folder("dev")
	a.file("init", cpioExec, bareInit())
	if err := a.end(); err != nil {
		b.Fatal(err)
	}
	initrd, err := inMemory("initramfs")
	if err != nil {
		b.Fatal(err)
	}
	defer initrd.Close()
	if _, err := initrd.Write(text.Bytes()); err != nil {
		b.Fatal(err)
	}
	c := commandFor(i, "tcg", nil)
	if c.program, err = exec.LookPath(c.program); err != nil {
		b.Skip(err)
	}
	k, err := launch(c, initrd, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	<-k.ended
	k.Close()
	return timeOf(k)
}

// bareInit returns a program for x86-64 that calls reboot(2) and nothing else.
func bareInit() []byte {
	const base = 0x400000
	code := []byte{
		0xbf, 0xad, 0xde, 0xe1, 0xfe, // mov edi, LINUX_REBOOT_MAGIC1
		0xbe, 0x69, 0x19, 0x12, 0x28, // mov esi, LINUX_REBOOT_MAGIC2
		0xba, 0x67, 0x45, 0x23, 0x01, // mov edx, LINUX_REBOOT_CMD_RESTART
		0xb8, 0xa9, 0x00, 0x00, 0x00, // mov eax, __NR_reboot
		0x0f, 0x05, // syscall
		0xeb, 0xfe, // jmp .
	}
	var out bytes.Buffer
	for _, v := range []any{
		[]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), // elf(5)
		uint16(2), uint16(62), uint32(1), uint64(base + 120), uint64(64), uint64(0), uint32(0),
		uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base),
		uint64(120 + len(code)), uint64(120 + len(code)), uint64(0x1000), code,
	} {
		_ = binary.Write(&out, binary.LittleEndian, v)
	}
	return out.Bytes()
}
