package yamlpos

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

func TestPretty(t *testing.T) {
	text := []byte("\ufeffname: a\r\n\tdoc: 日本e\u0301 x\nkey\x1b[31m: \u202ey\n" + strings.Repeat("a", 100) +
		strings.Repeat("b", 200))
	at := func(line, col int) Diagnostic {
		return Diagnostic{File: "lab.yaml", Pos: lab.Pos{Line: line, Col: col}, Msg: "wrong",
			Source: NewSource("lab.yaml", text, nil)}
	}
	ds := Diagnostics{at(1, 7), at(2, 1), at(2, 7), at(2, 12), at(3, 11), at(4, 101), at(4, 301), at(9, 9)}
	want := []string{
		"lab.yaml:1:7: wrong", "name: a", "      ^",
		"lab.yaml:2:1: wrong", "\tdoc: 日本e\u0301 x", "^",
		"lab.yaml:2:7: wrong", "\tdoc: 日本e\u0301 x", "\t     ^",
		"lab.yaml:2:12: wrong", "\tdoc: 日本e\u0301 x", "\t           ^",
		"lab.yaml:3:11: wrong", "key\ufffd[31m: \ufffdy", "          ^",
		"lab.yaml:4:101: wrong", "..." + strings.Repeat("a", 59) + strings.Repeat("b", 61) + "...",
		strings.Repeat(" ", 3+59) + " ^",
		"lab.yaml:4:301: wrong", "..." + strings.Repeat("b", 120), strings.Repeat(" ", 123) + "^",
		"lab.yaml:9:9: wrong", "", "^", "",
	}
	// 59 and 61: the caret stands in the middle of what is shown.
	want[16] = "..." + strings.Repeat("a", 59) + strings.Repeat("b", 61) + "..."
	want[17] = strings.Repeat(" ", 3+59) + "^"
	if diff := cmp.Diff(want, strings.Split(ds.Pretty(false), "\n")); diff != "" {
		t.Error(diff)
	}
	coloured := ds[:1].Pretty(true)
	if want := bold + "lab.yaml:1:7:" + plain + " " + red + "wrong" + plain + "\nname: a\n" + green + "      ^" +
		plain + "\n"; coloured != want {
		t.Errorf("got %q, want %q", coloured, want)
	}
}

func TestMore(t *testing.T) {
	ds := make(Diagnostics, MaxShown+2)
	for _, text := range []string{ds.Error(), ds.Pretty(false)} {
		if !strings.HasSuffix(strings.TrimSuffix(text, "\n"), "\nand 2 more") {
			t.Errorf("got %q", text)
		}
	}
}
