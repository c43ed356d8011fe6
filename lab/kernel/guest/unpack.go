package guest

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// unpack writes a module or a kernel decompressed; what begins as no format that is known here is written as it is.
func unpack(w io.Writer, content []byte) error {
	var r io.Reader = bytes.NewReader(content)
	for _, f := range formats {
		if bytes.HasPrefix(content, []byte(f.magic)) {
			z, err := f.open(r)
			if err != nil {
				return err
			}
			defer z.Close()
			r = z
		}
	}
	n, err := io.Copy(w, io.LimitReader(r, maxUnpacked+1))
	if err == nil && n > maxUnpacked {
		return fmt.Errorf("unpacked it has more than %d MB", maxUnpacked>>20)
	}
	return err
}

// maxUnpacked is more than any kernel or module has, in bytes: a few that somebody has made may unpack to more than
// there is memory.
const maxUnpacked = 512 << 20

// formats are those that modules and kernels are compressed with: scripts/Makefile.lib and Makefile.modinst of the
// kernel's sources. What they begin with is in extract-vmlinux there.
var formats = []struct {
	magic string
	open  func(io.Reader) (io.ReadCloser, error)
}{
	{"\x1f\x8b\x08", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"\xfd7zXZ\x00", func(r io.Reader) (io.ReadCloser, error) {
		x, err := xz.NewReader(r)
		return io.NopCloser(x), err
	}},
	{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}},
	{"\x02\x21\x4c\x18", func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(lz4.NewReader(r)), nil }},
}

// vmlinux writes what a bzImage of x86-64 unpacks when it starts, which an emulated machine takes a third of its boot
// over and this one a tenth of a second. The error says why a machine cannot start with that: it gets the bzImage
// then, as a boot loader would give it, and that says what is wrong with it if anything is.
//
// The fields are setup_sects, version, payload_offset and payload_length of Documentation/arch/x86/boot.rst.
func vmlinux(to *os.File, bzImage []byte) error {
	if len(bzImage) < 0x250 || string(bzImage[0x202:0x206]) != "HdrS" {
		return errors.New("not a bzImage")
	}
	if binary.LittleEndian.Uint16(bzImage[0x206:]) < 0x208 {
		return errors.New("a bzImage that does not say where its payload is")
	}
	sectors := int(bzImage[0x1f1])
	if sectors == 0 {
		sectors = 4
	}
	begin := (sectors+1)*512 + int(binary.LittleEndian.Uint32(bzImage[0x248:]))
	end := begin + int(binary.LittleEndian.Uint32(bzImage[0x24c:]))
	if begin >= end || end > len(bzImage) {
		return errors.New("a bzImage without its payload")
	}
	payload := bzImage[begin:end]
	if !bytes.HasPrefix(payload, []byte(formats[0].magic)) {
		payload = payload[:max(0, len(payload)-4)] // gzip's alone ends with its size by itself, others have it added
	}
	if err := unpack(to, payload); err != nil {
		return err
	}
	f, err := elf.NewFile(to)
	if err != nil {
		return err
	}
	if !startsAsPVH(f) {
		return errors.New("a kernel that was built without CONFIG_PVH")
	}
	return nil
}

// startsAsPVH reports whether a kernel says where a machine can enter it that has no boot loader: a note of type
// XEN_ELFNOTE_PHYS32_ENTRY, see include/xen/interface/elfnote.h.
func startsAsPVH(f *elf.File) bool {
	const phys32Entry = 18
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE {
			continue
		}
		notes, err := io.ReadAll(p.Open())
		if err != nil {
			return false
		}
		for len(notes) >= 12 { // elf(5): the lengths of a name and of what is noted, and a type
			name, desc := roundUp(f.ByteOrder.Uint32(notes)), roundUp(f.ByteOrder.Uint32(notes[4:]))
			kind := f.ByteOrder.Uint32(notes[8:])
			if notes = notes[12:]; uint64(len(notes)) < name+desc {
				return false
			}
			if kind == phys32Entry && bytes.HasPrefix(notes, []byte("Xen\x00")) {
				return true
			}
			notes = notes[name+desc:]
		}
	}
	return false
}

// roundUp returns a length with the zeros that follow it in notes.
func roundUp(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
