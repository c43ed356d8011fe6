package sys

import "testing"

func TestOutOfMemoryKills(t *testing.T) {
	for vmstat, want := range map[string]int{
		"drop_slab 0\noom_kill 3\noom_kill_x 9\n": 3,
		"drop_slab 0\noom_kill 0\n":               0,
		"drop_slab 7\n":                           0, // before 4.13
	} {
		if got := outOfMemoryKills(vmstat); got != want {
			t.Errorf("%q: %d, want %d", vmstat, got, want)
		}
	}
}
