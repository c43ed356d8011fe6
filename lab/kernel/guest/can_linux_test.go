package guest

import (
	"testing"

	"labrun/lab/kernel/image"
)

// TestStartNothing: what keeps a machine from running a kernel is said before anything is started.
func TestStartNothing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for machine, want := range map[string]string{
		"x86_64":  "needs qemu-system-x86_64, which this machine has not: install QEMU for x86_64",
		"aarch64": "needs qemu-system-aarch64, which this machine has not: install QEMU for aarch64",
		"i686":    "labrun knows no machine of QEMU for i686",
	} {
		k, err := Start(t.Context(), image.Image{Kernel: "vmlinuz", Machine: machine}, Options{})
		if err == nil {
			k.Close()
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", machine, err, want)
		}
	}
}
