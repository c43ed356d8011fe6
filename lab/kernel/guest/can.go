package guest

import (
	"fmt"
	"os/exec"

	"labrun/lab/kernel/image"
)

// Can returns why this machine cannot run a kernel, as far as that is known before it is tried.
func Can(i image.Image) error {
	if i.UserMode || i.GVisor {
		if i.Machine != image.Host() {
			return fmt.Errorf("a program for %s, and this machine is %s", i.Machine, image.Host())
		}
		return nil
	}
	m, ok := machines[i.Machine]
	if !ok {
		return fmt.Errorf("labrun knows no machine of QEMU for %s", i.Machine)
	}
	if _, err := exec.LookPath(m.qemu); err != nil {
		return fmt.Errorf("needs %s, which this machine has not: install QEMU for %s", m.qemu, i.Machine)
	}
	return nil
}
