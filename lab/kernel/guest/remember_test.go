package guest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRemembered: modules are described once, and again whenever anything about the files is another thing.
func TestRemembered(t *testing.T) {
	dir := t.TempDir()
	cache := filepath.Join(dir, "cache")
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", dir)
	var paths []string
	for _, name := range []string{"veth.ko", "vrf.ko"} {
		paths = append(paths, filepath.Join(dir, name))
		if err := os.WriteFile(paths[len(paths)-1], []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	calls := 0
	find := func(paths []string) (all []module, err error) {
		calls++
		for _, p := range paths {
			all = append(all, module{Name: filepath.Base(p), File: p, Depends: []string{"core"},
				Aliases: []string{"rtnl-link-*"}})
		}
		return all, nil
	}
	check := func(when string, want int) {
		t.Helper()
		all, err := remembered(paths, find)
		if err != nil || calls != want {
			t.Errorf("%s: %v, described %d times, want %d", when, err, calls, want)
		}
		fresh, err := find(paths)
		if calls--; err != nil || !cmp.Equal(all, fresh) {
			t.Errorf("%s: %v, %s", when, err, cmp.Diff(fresh, all))
		}
	}
	check("first", 1)
	check("again", 1)
	if err := os.Chtimes(paths[0], time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	check("another time", 2)
	if err := os.WriteFile(paths[1], []byte("longer than before"), 0o644); err != nil {
		t.Fatal(err)
	}
	check("another size", 3)
	paths = paths[:1]
	check("fewer", 4)
	check("fewer, again", 4)
	kept, err := filepath.Glob(filepath.Join(cache, "labrun", "modules", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range kept { // cut, as no labrun leaves it
		if err := os.Truncate(file, 20); err != nil {
			t.Fatal(err)
		}
	}
	check("cut", 5)
	if err := Forget(); err != nil {
		t.Fatal(err)
	}
	check("forgotten", 6)
	if err := errors.Join(Forget(), os.RemoveAll(cache), os.WriteFile(cache, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	check("nowhere to keep it", 7)
	check("nowhere to keep it, again", 8)
	// What failed is not kept.
	failed := errors.New("not a module")
	if _, err := remembered(paths, func([]string) ([]module, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
