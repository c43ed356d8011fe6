package packetdrill_test

import (
	"testing"

	"labrun/lab/imports/importtest"
	"labrun/lab/imports/packetdrill"
	"labrun/lab/trace"
)

var script = importtest.Importer{Sniff: packetdrill.Sniff, Read: func(text string) (string, []trace.Left) {
	events, lines := packetdrill.Parse(text)
	m := trace.Import(events, trace.Options{})
	return m.File("script", "From a script of packetdrill.").Text(), append(lines, m.Left...)
}}

func TestScripts(t *testing.T) { script.Golden(t) }

func FuzzPacketdrill(f *testing.F) {
	script.Fuzz(f, "+0 listen(3, 5) = 0\n0...1 read(4, ..., -1) = 5 %{\n/* `")
}
