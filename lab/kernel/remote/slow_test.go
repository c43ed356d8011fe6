package remote

import (
	"testing"
	"time"
)

// TestSlowness: a guest is as slow as its work says, and never counts as quicker than the machine.
func TestSlowness(t *testing.T) {
	for _, c := range []struct {
		there, here time.Duration
		want        float64
	}{
		{30 * time.Microsecond, 10 * time.Microsecond, 3},
		{10 * time.Microsecond, 30 * time.Microsecond, 1},
		{time.Hour, 0, float64(time.Hour)}, // a clock that has not moved
	} {
		if got := slowness(c.there, c.here); got != c.want {
			t.Errorf("slowness(%v, %v) = %g, want %g", c.there, c.here, got, c.want)
		}
	}
}

// TestMeasure: the requests after it say how slow the other end is, those before it nothing.
func TestMeasure(t *testing.T) {
	f := new(fake)
	k, cut := connect(t, f)
	collect(t, t.Context(), k, request(mustAsk(t, "before", 1)))
	if err := k.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	collect(t, t.Context(), k, request(mustAsk(t, "after", 1)))
	if got := f.asked[0].Slow; got != 0 {
		t.Errorf("before it was measured it is %g times slower", got)
	}
	if got := f.asked[1].Slow; got < 1 || got != k.Slow() {
		t.Errorf("it is %g times slower, and its requests say %g", k.Slow(), got)
	}
	cut()
	if err := k.Measure(t.Context()); err == nil {
		t.Error("an end that is gone was measured")
	}
}
