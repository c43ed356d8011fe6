package guest

import (
	"os"
	"path/filepath"
	"testing"

	"labrun/lab/kernel/image"
)

// TestBoot boots the kernels of LABRUN_TEST_KERNELS, a list such as PATH is, and asks each. Nothing is
// downloaded: who sets LABRUN_GUESTS=required has them.
func TestBoot(t *testing.T) {
	kernels := filepath.SplitList(os.Getenv("LABRUN_TEST_KERNELS"))
	if len(kernels) == 0 {
		if os.Getenv("LABRUN_GUESTS") == "required" {
			t.Fatal("LABRUN_GUESTS is required, and LABRUN_TEST_KERNELS names no kernels")
		}
		t.Skip("LABRUN_TEST_KERNELS names no kernels, such as a folder with boot/vmlinuz* and lib/modules")
	}
	for _, spec := range kernels {
		t.Run(filepath.Base(spec), func(t *testing.T) {
			i, err := image.Open(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if err := Can(i); err != nil {
				if os.Getenv("LABRUN_GUESTS") == "required" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			k, err := Start(t.Context(), i, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer noChildren(t)
			defer k.Close()
			if k.Hello.Kernel.Machine != i.Machine || k.Hello.Version == [3]int{} {
				t.Errorf("it says that it is %+v", k.Hello)
			}
			for i, a := range ask(t, t.Context(), k, 8) {
				if want := i == 0; a.Err != nil || a.Red != want { // a time to live of 0 is EINVAL
					t.Errorf("cell %d: %+v", i, a)
				}
			}
		})
	}
}
