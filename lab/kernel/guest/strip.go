package guest

import (
	"bytes"
	"debug/elf"
)

// loaded returns of a program what a kernel reads to execute it: its segments. What debuggers read lies behind
// them, and is a third of a program of Go's, which a guest would unpack for nothing. A program that is
// laid out in another way stays whole.
func loaded(program []byte) []byte {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil || f.Class != elf.ELFCLASS64 {
		return program
	}
	var end uint64
	for _, p := range f.Progs {
		end = max(end, p.Off+p.Filesz)
	}
	if end < 64 || end > uint64(len(program)) {
		return program
	}
	short := bytes.Clone(program[:end])
	f.ByteOrder.PutUint64(short[0x28:], 0) // e_shoff: there is no table of sections any more
	f.ByteOrder.PutUint32(short[0x3c:], 0) // e_shnum, e_shstrndx
	return short
}
