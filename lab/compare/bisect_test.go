package compare

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"testing/quick"
)

// bisect searches among kernels with these answers, "-" for one that has none. It returns which were asked, too.
func bisect(answers []string) (Bisection, []int, error) {
	var asked []int
	b, err := Bisect(len(answers), func(i int) (bool, error) {
		asked = append(asked, i)
		return answers[i] != "-", nil
	}, func(i, j int) bool { return answers[i] == answers[j] })
	return b, asked, err
}

func TestBisect(t *testing.T) {
	for _, c := range []struct{ answers, want string }{
		{"a a a b b b b b", "2 and 3, asked [0 7 3 1 2]"},
		{"a b", "0 and 1, asked [0 1]"},
		{"a a a a", "0 and 3 are the same, asked [0 3]"},
		{"a b b a", "0 and 3 are the same, asked [0 3]"},
		{"a c c b", "0 and 1, asked [0 3 1]"},
		// A kernel in the middle that skips the cell, or panics: its neighbour is asked.
		{"a a - b b", "1 and 3, silent [2], asked [0 4 2 1 3]"},
		{"a - - - b", "0 and 4, silent [1 2 3], asked [0 4 2 1 3]"},
		{"a - b b b b b", "0 and 2, silent [1], asked [0 6 3 1 2]"},
		// An end that has no answer: the nearest that has one is the end.
		{"- a a b -", "2 and 3, asked [0 1 4 3 2]"},
		{"- - a", "fewer than two of the kernels answered, asked [0 1 2]"},
		{"a - -", "fewer than two of the kernels answered, asked [0 2 1]"},
		{"- -", "fewer than two of the kernels answered, asked [0 1]"},
		{"a", "fewer than two of the kernels answered, asked [0]"},
	} {
		b, asked, err := bisect(strings.Fields(c.answers))
		got := fmt.Sprintf("%d and %d", b.Before, b.After)
		switch {
		case err != nil:
			got = err.Error()
		case !b.Differ:
			got += " are the same"
		case len(b.Silent) > 0:
			got += fmt.Sprintf(", silent %v", b.Silent)
		}
		if got += fmt.Sprintf(", asked %v", asked); got != c.want {
			t.Errorf("%s: %s, want %s", c.answers, got, c.want)
		}
		if b.Asked != len(asked) {
			t.Errorf("%s: it counts %d", c.answers, b.Asked)
		}
	}
}

func TestBisectEndsWithAnError(t *testing.T) {
	stop := errors.New("stop")
	for at := range 3 {
		n := 0
		_, err := Bisect(9, func(int) (bool, error) {
			if n++; n > at {
				return false, stop
			}
			return true, nil
		}, func(i, j int) bool { return i == j })
		if err != stop || n != at+1 {
			t.Errorf("after %d answers: %v, and %d were asked", at, err, n)
		}
	}
}

// TestBisectIsLogarithmic: what it finds is a change, and it asks each kernel once, and no more than it has to.
func TestBisectIsLogarithmic(t *testing.T) {
	err := quick.Check(func(kernels uint8, change uint8) bool {
		n := 2 + int(kernels)
		at := 1 + int(change)%(n-1)
		answers := make([]string, n)
		for i := range answers {
			answers[i] = map[bool]string{true: "before", false: "after"}[i < at]
		}
		b, asked, err := bisect(answers)
		once := map[int]bool{}
		for _, i := range asked {
			once[i] = true
		}
		return err == nil && b.Differ && b.Before == at-1 && b.After == at && len(once) == len(asked) &&
			b.Asked <= 2+bits.Len(uint(n-2))
	}, nil)
	if err != nil {
		t.Error(err)
	}
}
