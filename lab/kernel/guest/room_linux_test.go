package guest

import (
	"math"
	"testing"
)

func TestRoom(t *testing.T) {
	for meminfo, want := range map[string]int{
		"MemTotal:       24684816 kB\nMemAvailable:    2097152 kB\n": 4,
		"MemAvailable:      65536 kB\n":                              1, // a guest may still fit
		"MemTotal:       24684816 kB\n":                              math.MaxInt,
	} {
		if got := roomIn(meminfo, memory); got != want {
			t.Errorf("%q: %d guests, want %d", meminfo, got, want)
		}
	}
}
