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

// compressed compresses as the kernel's build does.
func compressed(t *testing.T, how string, content []byte) []byte {
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
