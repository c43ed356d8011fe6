package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/kernel/image"
)

// kvmLimit is how long a kernel may take to boot into nothing where /dev/kvm works: that takes a
// fraction of a second. A machine that needs longer is better emulated.
const kvmLimit = 4 * time.Second

// kvmBusy is how long a guest may have a processor and say nothing where KVM executes it: an emulated one may take as
// long over what that does in a second.
const kvmBusy = time.Minute

// checkKVM returns why no guest can be executed by KVM, as far as that is known before one hangs.
func checkKVM() error {
	if err := unix.Access("/dev/kvm", unix.R_OK|unix.W_OK); err != nil {
		return fmt.Errorf("guests cannot be executed by KVM, open /dev/kvm: %w; without --accel kvm they are emulated", err)
	}
	return nil
}

var probing sync.Mutex

// accelFor returns how QEMU is to execute a kernel: "kvm" only where a kernel was seen to boot with it. A device
// that can be opened says little: in some virtual machines a guest starts on it, and then hangs. What was found
// out holds until the machine boots again, and is kept in the user's cache.
func accelFor(ctx context.Context, i image.Image) string {
	if i.Machine != image.Host() || checkKVM() != nil {
		return "tcg"
	}
	probing.Lock()
	defer probing.Unlock()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	cache, err := os.UserCacheDir()
	file := filepath.Join(cache, "labrun", "accel")
	if err == nil {
		if known, err := os.ReadFile(file); err == nil {
			if accel, ok := strings.CutPrefix(string(known), string(boot)); ok {
				return accel
			}
		}
	}
	accel := "tcg"
	if bootsWithKVM(ctx, i) {
		accel = "kvm"
	}
	if err == nil && ctx.Err() == nil && os.MkdirAll(filepath.Dir(file), 0o755) == nil {
		_ = os.WriteFile(file, append(boot, accel...), 0o644) // else it is found out again
	}
	return accel
}

// bootsWithKVM boots a kernel that is given nothing to start, which panics then, and with panic=-1 ends.
func bootsWithKVM(ctx context.Context, i image.Image) bool {
	ctx, cancel := context.WithTimeout(ctx, kvmLimit)
	defer cancel()
	args := machines[i.Machine].command(i, "kvm").args
	for n, a := range args {
		switch a {
		case "-initrd":
			args[n], args[n+1] = "-name", "probe"
		case "-chardev":
			id, _, _ := strings.Cut(strings.TrimPrefix(args[n+1], "socket,"), ",")
			args[n+1] = "null," + id
			if id == "id=console" {
				args[n+1] = "stdio,signal=off," + id
			}
		}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := cmd.Output()
	return err == nil && strings.Contains(string(said), "Kernel panic - not syncing: VFS")
}
