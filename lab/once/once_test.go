package once_test

import (
	"errors"
	"testing"

	"labrun/lab/once"
)

func TestGood(t *testing.T) {
	calls := 0
	f := once.Good(func() (int, error) {
		if calls++; calls < 3 {
			return 0, errors.New("not yet")
		}
		return calls, nil
	})
	for i, want := range []int{0, 0, 3, 3} {
		got, err := f()
		if good := want > 0; got != want || (err == nil) != good {
			t.Errorf("call %d: %d, %v, want %d", i+1, got, err, want)
		}
	}
}
