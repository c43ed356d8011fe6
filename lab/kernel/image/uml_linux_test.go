package image_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"labrun/lab/kernel/image"
)

// userMode returns a program that does nothing, and that has what tells a User-mode Linux from other programs: a
// section of its name. It names that dynamic linker, or usual, the machine's, where that is "". It skips the test on a machine
// that has none such.
func userMode(t *testing.T, linker string) (program []byte, usual string) {
	t.Helper()
	path, err := exec.LookPath("true")
	if err != nil {
		t.Skip(err)
	}
	if program, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	e, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	section := e.Section(".interp")
	if section == nil || e.Class != elf.ELFCLASS64 || e.ByteOrder != binary.LittleEndian {
		t.Skip("this machine's true(1) is not a program of 64 bits that is linked with a library")
	}
	name, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	usual = string(bytes.TrimRight(name, "\x00"))
	if linker != "" {
		copy(program[section.Offset:section.Offset+section.Size], linker+strings.Repeat("\x00", len(name)))
	}
	program = append(program, "\x00Linux version 6.12.113 (sbuild) #1\n"...)
	// The headers of the sections go to the end, with one more; its name stands behind those of the others.
	var h elf.Header64
	if err := binary.Read(bytes.NewReader(program), e.ByteOrder, &h); err != nil {
		t.Fatal(err)
	}
	headers := make([]elf.Section64, h.Shnum, h.Shnum+1)
	if err := binary.Read(bytes.NewReader(program[h.Shoff:]), e.ByteOrder, headers); err != nil {
		t.Fatal(err)
	}
	names := &headers[h.Shstrndx]
	all := bytes.Clone(program[names.Off : names.Off+names.Size])
	headers = append(headers, elf.Section64{Name: uint32(len(all)), Type: uint32(elf.SHT_PROGBITS)})
	all = append(all, ".uml.setup.init\x00"...)
	names = &headers[h.Shstrndx]
	names.Off, names.Size = uint64(len(program)), uint64(len(all))
	program = append(program, all...)
	h.Shoff, h.Shnum = uint64(len(program)), h.Shnum+1
	var b bytes.Buffer
	if err := binary.Write(&b, e.ByteOrder, h); err != nil {
		t.Fatal(err)
	}
	copy(program, b.Bytes())
	program, err = binary.Append(program, e.ByteOrder, headers)
	if err != nil {
		t.Fatal(err)
	}
	return program, usual
}

// TestLibrariesOfAFolder: a User-mode Linux of another suite runs with the C library that lies beside it, whichever
// way it is named and wherever labrun is. Without, the error says what it lacks and what has it.
func TestLibrariesOfAFolder(t *testing.T) {
	other, linker := userMode(t, "./ld.so")
	own, _ := userMode(t, "")
	content, err := os.ReadFile(linker)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	write := func(name string, content []byte, mode os.FileMode) {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("with/usr/bin/linux.uml", other, 0o755)
	write("with/libraries/ld.so", content, 0o755)
	write("without/usr/bin/linux.uml", other, 0o755)
	write("fits/usr/bin/linux.uml", own, 0o755)
	write("fits/plain", own, 0o644)
	t.Chdir(filepath.Join(root, "fits", "usr", "bin"))
	for _, c := range []struct{ spec, libraries, wrong string }{
		{filepath.Join(root, "with"), "with/libraries", ""},
		{"../../../with", "with/libraries", ""},
		{"../../../with/usr/bin/linux.uml", "with/libraries", ""},
		{"linux.uml", "", ""}, // which is not looked for in PATH
		{filepath.Join(root, "fits"), "", ""},
		{filepath.Join(root, "without"), "", "no such file or directory; one of another suite needs the C library of that " +
			"suite, which um:6.12 has apt get for it"},
		{"../../plain", "", "it cannot be executed: "},
	} {
		want := c.libraries
		if want != "" {
			want = filepath.Join(root, want)
		}
		i, err := image.Open(t.Context(), c.spec)
		switch {
		case c.wrong != "":
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want %q", c.spec, err, c.wrong)
			}
		case err != nil || !i.UserMode || i.Libraries != want || !filepath.IsAbs(i.Kernel):
			t.Errorf("%s: %v, %+v, want libraries in %q", c.spec, err, i, want)
		}
	}
}
