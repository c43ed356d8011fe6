package labtest_test

import (
	"testing"

	"labrun/lab/labtest"
)

// TestByHand runs what the example shows.
func TestByHand(own *testing.T) {
	labtest.NeedNetNS(own)
	t = own
	ExampleUp()
}

// TestHost finds the hosts of the file and no others.
func TestHost(t *testing.T) {
	l := labtest.Up(t, "testdata/ports.yaml")
	if l.Host("beta") == nil || l.Host("gamma") != nil {
		t.Errorf("beta is %v, gamma is %v", l.Host("beta"), l.Host("gamma"))
	}
}
