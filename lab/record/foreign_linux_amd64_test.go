package record_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/record"
	"labrun/lab/trace"
)

// program32 returns a program of i386 that ends with status 7, elf(5): exit(2) is call 1 there.
func program32() []byte {
	const base, headers = 0x08048000, 52 + 32
	code := []byte{0xb3, 7, 0x31, 0xc0, 0x40, 0xcd, 0x80} // mov bl, 7; xor eax, eax; inc eax; int 0x80
	var b bytes.Buffer
	b.WriteString("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, part := range []any{
		[]uint16{2, 3}, []uint32{1, base + headers, 52, 0, 0}, []uint16{52, 32, 1, 0, 0, 0},
		[]uint32{1, 0, base, base, uint32(headers + len(code)), uint32(headers + len(code)), 5, 0x1000}, code,
	} {
		_ = binary.Write(&b, binary.LittleEndian, part) // a Buffer takes all
	}
	return b.Bytes()
}

// TestForeign: a 32-bit program runs to its end, and what is recorded says that its calls are not among these.
func TestForeign(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, program32(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(file).Run(); errors.Is(err, unix.ENOEXEC) {
		t.Skip("this kernel runs no 32-bit programs (CONFIG_IA32_EMULATION)")
	}
	events, err := record.Events()
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	argv := record.Command(0, []string{file})
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.ExtraFiles = []*os.File{events}
	cmd.Stderr = os.Stderr
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Fatalf("it ended with %v, want exit status 7", err)
	}
	left := trace.Import(read(t, events), trace.Options{}).Left
	if len(left) != 1 || left[0].Text != file {
		t.Errorf("left out: %+v", left)
	}
}
