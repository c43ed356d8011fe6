package main

import (
	"bytes"
	"io"

	"github.com/rogpeppe/go-internal/diff"
)

// writeUnified writes what changes in a file as diff -u does, with colours on a terminal. Nothing is written where
// nothing changes.
func writeUnified(w io.Writer, oldName string, before []byte, newName string, after []byte) error {
	text := diff.Diff(oldName, before, newName, after)
	if !colour(w) {
		_, err := w.Write(text)
		return err
	}
	attributes := map[byte]string{'-': "31", '+': "32", '@': "36", 'd': "1"} // red, green, cyan, bold
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		line, end := bytes.CutSuffix(line, []byte("\n"))
		a, ok := attributes[append(line, ' ')[0]]
		if ok {
			b.WriteString("\x1b[" + a + "m")
		}
		b.Write(line)
		if ok {
			b.WriteString("\x1b[0m")
		}
		if end {
			b.WriteByte('\n')
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
