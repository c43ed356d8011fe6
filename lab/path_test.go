package lab_test

import (
	"strings"
	"testing"

	"labrun/lab"
)

func TestKeptName(t *testing.T) {
	for name, want := range map[string]string{"@$n": "n", "@$my_name2": "my_name2", "@$": "", "@$a-b": "", "@n": "",
		"$n": "", "@$ü": "", "@@$n": ""} {
		if got := lab.KeptName(name); got != want {
			t.Errorf("KeptName(%q) = %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{"@00000": true, "@fa9c3": true, "@0000": false, "@000000": false,
		"@FA9C3": false, "00000": false, "@name": false, "": false} {
		if got := lab.IsAutobound(name); got != want {
			t.Errorf("IsAutobound(%q) = %t", name, got)
		}
	}
}

func TestPathProblem(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "s": "", "a/b": "", "./s": "", "a..b": "", "/tmp/s": "", "//run/./a/s": "", "/tmp": "", "/tmp/": "",
		"@": "", "@/etc/../x": "", "@a\x00b": "",
		strings.Repeat("x", 5000): "",
		"/":                       "is not in", "/etc/s": "is not in", "/tmpfile": "is not in",
		"/proc/1/root/tmp/s": "is not in", "/./var/tmp": "is not in",
		"..": "..", "a/../b": "..", "/tmp/../etc/s": "..", "/tmp/..": "..", "a\x00b": "zero",
	} {
		if got := lab.PathProblem(name); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("PathProblem(%.40q) = %q, want %q", name, got, want)
		}
	}
}
