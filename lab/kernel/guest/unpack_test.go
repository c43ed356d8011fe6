package guest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// TestVmlinux: whatever a bzImage is compressed with, what comes out is the kernel that went in; and one that a machine
// cannot be started with is refused, since it would hang.
func TestVmlinux(t *testing.T) {
	kernel := elfWithNote("Xen\x00", 18)
	for _, c := range []struct {
		name    string
		bzImage []byte
		want    string // in the error; "" is the kernel
	}{
		{"gzip", bzImage(compressed(t, "gzip", kernel)), ""},
		{"xz", bzImage(append(compressed(t, "xz", kernel), 1, 2, 3, 4)), ""},
		{"zstd", bzImage(append(compressed(t, "zstd", kernel), 1, 2, 3, 4)), ""},
		{"lz4", bzImage(append(compressed(t, "lz4", kernel), 1, 2, 3, 4)), ""},
		{"not compressed", bzImage(append(bytes.Clone(kernel), 1, 2, 3, 4)), ""},
		{"without PVH", bzImage(compressed(t, "gzip", elfWithNote("Xen\x00", 6))), "CONFIG_PVH"},
		{"another's note", bzImage(compressed(t, "gzip", elfWithNote("GNU\x00", 18))), "CONFIG_PVH"},
		{"no kernel", bzImage(compressed(t, "gzip", []byte("no kernel at all, and long enough"))), "magic"},
		{"cut off", bzImage(compressed(t, "gzip", kernel))[:0x420], "without its payload"},
		{"damaged", bzImage(compressed(t, "gzip", kernel)[:100]), "EOF"},
		{"of old", func() []byte { b := bzImage(nil); b[0x206] = 7; return b }(), "does not say where"},
		{"another file", []byte("#!/bin/sh\n"), "not a bzImage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := os.Create(filepath.Join(t.TempDir(), "vmlinux"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			err = vmlinux(f, c.bzImage)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v does not say %q", err, c.want)
			}
			if got, _ := os.ReadFile(f.Name()); err == nil && !bytes.Equal(bytes.TrimSuffix(got, []byte{1, 2, 3, 4}), kernel) {
				t.Errorf("%d bytes came out, which are not the %d that went in", len(got), len(kernel))
			}
		})
	}
}

// TestUnpackBomb: what unpacks to more than any kernel has is given up, whatever it is compressed with.
func TestUnpackBomb(t *testing.T) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range maxUnpacked>>20 + 100 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var n counter
	err = unpack(&n, b.Bytes())
	if err == nil || !strings.Contains(err.Error(), "more than 512 MB") || n > maxUnpacked+1 {
		t.Errorf("%d bytes, of which %d came out: %v", b.Len(), n, err)
	}
}

// counter is a writer that counts.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// compressed compresses as the kernel's build does.
func compressed(t testing.TB, how string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	case "lz4":
		z := lz4.NewWriter(&b)
		w, err = z, z.Apply(lz4.LegacyOption(true)) // lz4 -l
	}
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzVmlinux unpacks bzImages that anybody may have made: what comes out is a kernel that can be started, or an error.
func FuzzVmlinux(f *testing.F) {
	kernel := elfWithNote("Xen\x00", 18)
	for _, how := range []string{"gzip", "xz", "zstd", "lz4"} {
		f.Add(bzImage(append(compressed(f, how, kernel), 1, 2, 3, 4)))
	}
	f.Add(bzImage(kernel[:200]))
	name := filepath.Join(f.TempDir(), "vmlinux")
	f.Fuzz(func(t *testing.T, content []byte) {
		to, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		if err := vmlinux(to, content); err != nil {
			return
		}
		magic := make([]byte, 4)
		if _, err := to.ReadAt(magic, 0); err != nil || string(magic) != "\x7fELF" {
			t.Errorf("a machine would be started with %q, %v", magic, err)
		}
	})
}

// FuzzModule reads modules that anybody may have made.
func FuzzModule(f *testing.F) {
	for _, how := range []string{"gzip", "xz", "zstd"} {
		f.Add(compressed(f, how, elfWithSection(".modinfo", "name=a\x00depends=b,c\x00alias=rtnl-link-vrf\x00alias\x00")))
	}
	f.Add(elfWithSection(".modinfo", "name=a"))
	f.Fuzz(func(t *testing.T, content []byte) {
		var b bytes.Buffer
		if err := unpack(&b, content); err != nil {
			return
		}
		m, err := describe(b.Bytes())
		if err == nil && strings.ContainsRune(m.Name+strings.Join(m.Depends, "")+strings.Join(m.Aliases, ""), 0) {
			t.Errorf("strings go on behind their end: %+v", m)
		}
	})
}

// elfWithSection returns an object for x86-64 with one section, and that of its name.
func elfWithSection(name, content string) []byte {
	names := "\x00" + name + "\x00"
	var out bytes.Buffer
	for _, v := range []any{
		[]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), // elf(5)
		uint16(1), uint16(62), uint32(1), uint64(0), uint64(0), uint64(64), uint32(0),
		uint16(64), uint16(0), uint16(0), uint16(64), uint16(3), uint16(2),
		make([]byte, 64), // the first section is none
		uint32(1), uint32(1), uint64(0), uint64(0), uint64(256), uint64(len(content)), uint32(0), uint32(0), uint64(1), uint64(0),
		uint32(0), uint32(3), uint64(0), uint64(0), uint64(256 + len(content)), uint64(len(names)), uint32(0), uint32(0), uint64(1),
		uint64(0), []byte(content + names),
	} {
		_ = binary.Write(&out, binary.LittleEndian, v)
	}
	return out.Bytes()
}

// bzImage puts a payload behind a sector of setup and the boot sector.
func bzImage(payload []byte) []byte {
	b := make([]byte, 1024, 1024+len(payload))
	b[0x1f1] = 1
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x206:], 0x20f)
	binary.LittleEndian.PutUint32(b[0x24c:], uint32(len(payload)))
	return append(b, payload...)
}

// elfWithNote returns a program for x86-64 that has a segment of two notes and nothing else, and is long enough to be
// compressed in several pieces.
func elfWithNote(name string, kind uint32) []byte {
	var notes, out bytes.Buffer
	for _, n := range []struct {
		name string
		kind uint32
	}{{"other\x00\x00\x00", 1}, {name, kind}} {
		for _, v := range []any{uint32(len(strings.TrimRight(n.name, "\x00")) + 1), uint32(8), n.kind, []byte(n.name), uint64(0x1000)} {
			_ = binary.Write(&notes, binary.LittleEndian, v)
		}
	}
	for _, v := range []any{
		[]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), // elf(5)
		uint16(2), uint16(62), uint32(1), uint64(0), uint64(64), uint64(0), uint32(0),
		uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(4), uint32(4), uint64(120), uint64(0), uint64(0), uint64(notes.Len()), uint64(notes.Len()), uint64(4),
		notes.Bytes(),
	} {
		_ = binary.Write(&out, binary.LittleEndian, v)
	}
	for i := range 1 << 16 {
		out.WriteByte(byte(i * i >> 3))
	}
	return out.Bytes()
}
