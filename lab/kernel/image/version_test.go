package image_test

import (
	"testing"

	"labrun/lab/kernel/image"
)

// The order of versions, oldest first, as dpkg --compare-versions has it.
func TestCompareVersions(t *testing.T) {
	sorted := []string{"5.10.218-1", "6.1.27-1", "6.1.176-1~deb11u1", "6.1.176-1", "6.1.192-2", "6.1.192-10", "6.12.115-1",
		"6.12.115-1+b1", "6.12.115-2", "7.3~rc5-1~exp1", "7.3~rc5-1", "7.3.4-1~bpo13+1", "7.3.4-1"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := image.CompareVersions(a, b); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}
