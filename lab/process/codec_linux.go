package process

import (
	"encoding/binary"
	"errors"
)

// codec writes a compiled batch to bytes, or reads it from them: one description serves both, so that the two
// ends cannot differ. encoding/gob does the same and has tables that every process of a lab would make at its start,
// batch or none; encoding/json makes the cells of a large batch 5 % slower.
type codec struct {
	bytes   []byte // written so far, or left to read
	reading bool
	err     error // the first of reading; all that is read after it is zero
}

var errBatchCut = errors.New("a batch ends too early")

// code passes on what goes from the keeper to the process.
func (s *compiledBatch) code(c *codec) {
	codeList(c, (*[]int)(&s.Shape), codeNumber[int])
	codeList(c, &s.Slots, func(c *codec, slot *compiledSlot) {
		codeList(c, &slot.Axes, codeNumber[int])
		codeList(c, (*[]int32)(&slot.VariantOf), codeNumber[int32]) // nil stays nil, which has a meaning: lab.VariantOf.At
		codeList(c, &slot.Variants, func(c *codec, calls *[]compiledCall) { codeList(c, calls, codeCall) })
	})
	codeList(c, &s.Names, func(c *codec, name *string) {
		text := []byte(*name)
		codeList(c, &text, codeNumber[byte])
		*name = string(text)
	})
}

// codeCall passes on a call.
func codeCall(c *codec, call *compiledCall) {
	codeNumber(c, &call.Number)
	codeNumber(c, &call.Sock)
	codeNumber(c, &call.First)
	codeNumber(c, &call.Second)
	codeNumber(c, &call.Third)
	codeList(c, &call.Bytes, codeNumber[byte])
	codeNumber(c, &call.Length)
	codeNumber(c, &call.Limit)
	codeNumber(c, &call.Want)
}

// codeNumber passes on a number, of as many bytes as it needs.
func codeNumber[T byte | uint16 | int32 | int](c *codec, v *T) {
	if !c.reading {
		c.bytes = binary.AppendVarint(c.bytes, int64(*v))
		return
	}
	n, size := binary.Varint(c.bytes)
	if size <= 0 || int64(T(n)) != n {
		c.bytes, c.err = nil, errBatchCut
		return
	}
	*v, c.bytes = T(n), c.bytes[size:]
}

// codeList passes on how many elements a list has, and then each. An empty one is read as nil.
func codeList[T any](c *codec, l *[]T, each func(*codec, *T)) {
	n := len(*l)
	codeNumber(c, &n)
	if c.reading {
		if n < 0 || n > len(c.bytes) { // an element takes a byte at least
			c.bytes, c.err = nil, errBatchCut
		}
		if *l = nil; c.err != nil || n == 0 {
			return
		}
		*l = make([]T, n)
	}
	for i := range *l {
		each(c, &(*l)[i])
	}
}
