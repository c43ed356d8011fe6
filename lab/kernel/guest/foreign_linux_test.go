package guest

import (
	"runtime/debug"
	"testing"
)

// TestForeignVersion: a labrun for another architecture has to be of this one's version, and labrun.
func TestForeignVersion(t *testing.T) {
	program := func(path, version, commit string) *debug.BuildInfo {
		i := &debug.BuildInfo{Path: path + "/cmd/it", Main: debug.Module{Path: path, Version: version}}
		if commit != "" {
			i.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: commit}}
		}
		return i
	}
	const a, b = "a35eaca0123456789abcdef", "db1bce20123456789abcdef"
	for _, c := range []struct {
		own, other *debug.BuildInfo
		want       string
	}{
		{program("labrun", "v1.2.0", ""), program("labrun", "v1.2.0", ""), ""},
		{program("labrun", "(devel)", a), program("labrun", "(devel)", a), ""},
		{program("labrun", "(devel)", a), program("labrun", "(devel)", ""), ""}, // nothing is known of it
		{program("labrun", "v1.2.0", ""), program("labrun", "v1.1.0", ""),
			"f is labrun v1.1.0, and this is labrun v1.2.0: both have to be of the same version"},
		{program("labrun", "(devel)", a), program("labrun", "(devel)", b),
			"f is labrun db1bce201234, and this is labrun a35eaca01234: both have to be of the same version"},
		{program("labrun", "v1.2.0", ""), program("example.org/other", "v1.2.0", ""),
			"f is not labrun, but example.org/other/cmd/it"},
	} {
		got := ""
		if err := checkVersion("f", c.own, c.other); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
