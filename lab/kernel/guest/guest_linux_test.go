package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/kernel/image"
	"labrun/lab/kernel/local"
	"labrun/lab/kernel/remote"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// fakeMode says what this program does where it is started as QEMU.
const fakeMode = "LABRUN_TEST_FAKE_QEMU"

func TestMain(m *testing.M) {
	Main()       // a guest's init, in tests that boot one,
	local.Main() // and the processes of its labs
	if os.Getenv(slackMode) != "" {
		sayTimers()
		os.Exit(0)
	}
	if mode := os.Getenv(fakeMode); mode != "" && strings.HasPrefix(filepath.Base(os.Args[0]), "qemu-system-") {
		fakeQEMU(mode)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fakeQEMU is a guest that answers some cells, and then has an end of one kind or another.
func fakeQEMU(mode string) {
	console, channel := os.NewFile(consoleFD, "console"), os.NewFile(channelFD, "channel")
	fmt.Fprint(console, "[    0.1] Linux version 6.1.0-fake\r\n")
	switch mode {
	case "refuses":
		fmt.Fprintln(os.Stderr, "qemu-system-x86_64: cannot set up guest memory: Cannot allocate memory")
		os.Exit(1)
	case "silent": // a corrupt image, after which the machine halts
		time.Sleep(time.Hour) // Go ends a program that waits for nothing
	case "is corrupt":
		fmt.Fprint(console, "\r\n\r\nDecoding failed\r\n\r\n -- System halted")
		time.Sleep(time.Hour) // Go ends a program that waits for nothing
	case "panics at boot":
		fmt.Fprint(console, "[    0.2] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n")
		return
	case "init fails":
		fmt.Fprint(console, "labrun: guest: load module veth: no such module\r\n[    0.3] reboot: Restarting system\r\n")
		return
	}
	hello := remote.Hello{Kernel: result.KernelInfo{Release: "6.1.0-fake"}, Version: lab.KernelVersion{6, 1}}
	_ = remote.Serve(channel, hello, fakeKernel{mode, console})
}

// fakeKernel answers its first three cells, and does then what its mode says.
type fakeKernel struct {
	mode    string
	console *os.File
}

func (fakeKernel) Has(context.Context, []lab.Feature) (map[lab.Feature]bool, error) { return nil, nil }

func (f fakeKernel) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	for i, ok := r.Next(); ok; i, ok = r.Next() {
		if i == 3 {
			switch f.mode {
			case "panics":
				fmt.Fprint(f.console, "[    9.9] Kernel panic - not syncing: Fatal exception\r\n[    9.9] Call Trace:\r\n")
				os.Exit(0)
			case "is killed":
				self, _ := os.FindProcess(os.Getpid())
				_ = self.Kill()
			case "stops": // alive, and not one of its threads does anything
				_ = exec.Command("/bin/kill", "-STOP", fmt.Sprint(os.Getpid())).Run()
			case "waits":
				<-ctx.Done()
				time.Sleep(time.Hour) // Go ends a program that waits for nothing
			}
		}
		each(i, kernel.Answer{Got: []string{"ok"}})
	}
}

// startFake starts this program in place of QEMU.
func startFake(t *testing.T, ctx context.Context, mode string) (*Kernel, error) {
	t.Helper()
	return startFakeBy(t, ctx, mode, "tcg")
}

func startFakeBy(t *testing.T, ctx context.Context, mode, accel string) (*Kernel, error) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, machines[image.Host()].qemu)); err != nil {
		t.Skip(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv(fakeMode, mode)
	return Start(ctx, image.Image{Spec: "fake", Kernel: "/none", Machine: image.Host()}, Options{Accel: accel})
}

// soon has guests that hang found out in a moment.
func soon(t *testing.T) {
	before := limits
	t.Cleanup(func() { limits = before })
	limits = patience{busy: before.busy, idle: 2 * time.Second, ping: 300 * time.Millisecond, tick: 100 * time.Millisecond}
}

// TestBootFails: a guest that cannot be asked says why, and is gone.
func TestBootFails(t *testing.T) {
	soon(t)
	for mode, want := range map[string][]string{
		"refuses":        {"exit status 1", "Cannot allocate memory"},
		"silent":         {"the guest hangs: it did nothing for", "Linux version 6.1.0-fake"},
		"panics at boot": {"the guest's kernel panicked: VFS: Unable to mount root fs", "last lines:\n"},
		"is corrupt":     {"the kernel's image is corrupt: Decoding failed"},
		"init fails":     {"load module veth: no such module", "Restarting system"},
	} {
		t.Run(mode, func(t *testing.T) {
			k, err := startFake(t, t.Context(), mode)
			if err == nil {
				k.Close()
				t.Fatal("it has booted")
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v\nlacks %q", err, w)
				}
			}
			noChildren(t)
		})
	}
}

// TestBootFailsWithKVM: whoever asked for KVM learns that it may be the reason, and how to do without.
func TestBootFailsWithKVM(t *testing.T) {
	soon(t)
	want := "the guest does not boot with KVM, though /dev/kvm opens; without --accel kvm, or with --accel tcg, it is " +
		"emulated: the guest hangs: it did nothing for"
	if checkKVM() != nil {
		want = "guests cannot be executed by KVM, open /dev/kvm: "
	}
	k, err := startFakeBy(t, t.Context(), "silent", "kvm")
	if err == nil {
		k.Close()
		t.Fatal("it has booted")
	}
	if !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
	noChildren(t)
}

// TestGuestEnds: cells that were answered stay, and the others say what became of the guest.
func TestGuestEnds(t *testing.T) {
	soon(t)
	for mode, want := range map[string]string{
		"panics":    "the guest's kernel panicked: Fatal exception",
		"is killed": "the guest was killed",
		"stops":     "the guest hangs: it did nothing for",
		"answers":   "",
	} {
		t.Run(mode, func(t *testing.T) {
			k, err := startFake(t, t.Context(), mode)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range ask(t, t.Context(), k, 8) {
				switch {
				case i < 3 || want == "":
					if a.Err != nil || len(a.Got) != 1 {
						t.Errorf("cell %d: %+v", i, a)
					}
				case a.Err == nil || !strings.HasPrefix(a.Err.Error(), want):
					t.Errorf("cell %d: %v, want %s", i, a.Err, want)
				case !strings.Contains(a.Err.Error(), "Linux version 6.1.0-fake"):
					t.Errorf("without the console's last lines: %v", a.Err)
				}
			}
			k.Close()
			noChildren(t)
		})
	}
}

// TestCancelled: an end that is wanted does not wait for the guest, neither while it boots nor later.
func TestCancelled(t *testing.T) {
	enough := errors.New("enough")
	for _, mode := range []string{"silent", "waits"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		later := func() { time.AfterFunc(100*time.Millisecond, func() { cancel(enough) }) }
		if mode == "silent" {
			later()
		}
		k, err := startFake(t, ctx, mode)
		if mode == "silent" {
			if !errors.Is(err, enough) {
				t.Errorf("%s: %v", mode, err)
			}
			noChildren(t)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		later()
		for i, a := range ask(t, ctx, k, 8) {
			if i >= 3 && !errors.Is(a.Err, enough) {
				t.Errorf("%s: cell %d: %v", mode, i, a.Err)
			}
		}
		k.Close()
		noChildren(t)
	}
}

// ask asks n cells, and returns their answers.
func ask(t *testing.T, ctx context.Context, k kernel.Kernel, n int) []kernel.Answer {
	t.Helper()
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	return askFile(t, ctx, k, fmt.Sprintf(`
name: trial
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}
experiments: {e: {axes: {n: [%s]}, steps: [a = socket(tcp), 'sysctl(net.ipv4.ip_default_ttl, "${n}")']}}
`, strings.Join(values, ", ")), n)
}

// askFile asks the n cells of a file's one experiment in its host alpha.
func askFile(t *testing.T, ctx context.Context, k kernel.Kernel, file string, n int) []kernel.Answer {
	t.Helper()
	top, err := topology.Load(topology.Source{File: "trial.yaml", Text: []byte(file)})
	if err != nil {
		t.Fatal(err)
	}
	q, err := question.Of(top, &top.Experiments[0], "alpha")
	if err != nil {
		t.Fatal(err)
	}
	next, answers := 0, make([]kernel.Answer, n)
	k.Answer(ctx, kernel.Request{Question: q, Combos: q.Combos, Next: func() (int, bool) {
		next++
		return next - 1, next <= n
	}}, func(i int, a kernel.Answer) { answers[i] = a })
	return answers
}

// noChildren: nothing that a guest was is left of it.
func noChildren(t *testing.T) {
	t.Helper()
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		if text, _ := os.ReadFile(list); len(text) > 0 {
			t.Errorf("processes are left: %s", text)
		}
	}
}

// TestKilled kills labrun while its guest runs: QEMU ends with it.
func TestKilled(t *testing.T) {
	const child = "LABRUN_TEST_KILLED"
	if os.Getenv(child) != "" {
		k, err := startFake(t, t.Context(), "waits")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("guest", k.process.Process.Pid)
		time.Sleep(time.Hour) // Go ends a program that waits for nothing
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestKilled$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "guest %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") || strings.Contains(string(stat), ") X ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the guest outlives labrun: %s", stat)
		}
	}
}
