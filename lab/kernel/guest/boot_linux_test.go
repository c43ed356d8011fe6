package guest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/kernel/image"
)

// TestBoot boots the kernels of LABRUN_TEST_KERNELS, a list such as PATH is, and asks each. Nothing is
// downloaded: who sets LABRUN_GUESTS=required has them.
func TestBoot(t *testing.T) {
	for _, i := range testKernels(t) {
		t.Run(filepath.Base(i.Spec), func(t *testing.T) {
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

// TestBare: a kernel whose bridges are in a module, and that was given alone, is told apart from one that lacks them.
func TestBare(t *testing.T) {
	for _, i := range testKernels(t) {
		if i.Modules == "" {
			continue
		}
		t.Run(filepath.Base(i.Spec), func(t *testing.T) {
			all, err := findModules(i.Modules)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(all, func(m string) bool { return strings.HasPrefix(filepath.Base(m), "bridge.ko") }) {
				t.Skip("its bridges are built in")
			}
			i.Modules = ""
			k, err := Start(t.Context(), i, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			for _, a := range ask(t, t.Context(), k, 1) {
				for _, want := range []string{"bridge", "labrun found no modules of this kernel", "lib/modules"} {
					if a.Err == nil || !strings.Contains(a.Err.Error(), want) {
						t.Errorf("%v does not say %q", a.Err, want)
					}
				}
			}
		})
	}
}

// TestStopped stops a guest over and over, for longer than its calls may take, while it is measured and asked: what
// passes on a machine with time passes then, too.
func TestStopped(t *testing.T) {
	for _, i := range testKernels(t) {
		t.Run(filepath.Base(i.Spec), func(t *testing.T) {
			k, err := Start(t.Context(), i, Options{Accel: "tcg"})
			if err != nil {
				t.Fatal(err)
			}
			defer noChildren(t)
			defer k.Close()
			done, over := make(chan bool), make(chan bool)
			go func() {
				defer close(over)
				for {
					for _, s := range []os.Signal{unix.SIGSTOP, unix.SIGCONT} {
						_ = k.process.Process.Signal(s)
						select {
						case <-done:
							_ = k.process.Process.Signal(unix.SIGCONT)
							return
						case <-time.After(map[os.Signal]time.Duration{unix.SIGSTOP: 200 * time.Millisecond,
							unix.SIGCONT: 20 * time.Millisecond}[s]):
						}
					}
				}
			}()
			defer func() { close(done); <-over }()
			if i.UserMode {
				if err := k.Measure(t.Context()); err != nil {
					t.Fatal(err)
				}
				t.Logf("%.1f times slower", k.Slow())
			}
			answers := askFile(t, t.Context(), k, `
name: trial
networks: {red: 192.0.2.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}}}
  beta: {nics: {eth0: {network: red, as: x}}}
experiments:
  e:
    axes: {n: [1, 2, 3, 4]}
    steps:
      - peer/web: [w = socket(tcp), "bind(w, x:8${n})", "listen(w, 5)"]
      - a = socket(tcp)
      - {main: "connect(a, peer.x:8${n})", limit: 50ms}
      - {peer/web: c = accept(w), limit: 50ms}
      - send(a, "hello")
      - {peer/web: recv(c) = "hello", limit: 50ms}
`, 4)
			for i, a := range answers {
				if !a.Passed() {
					t.Errorf("cell %d: %+v", i, a)
				}
			}
		})
	}
}

// testKernels returns the kernels of LABRUN_TEST_KERNELS.
func testKernels(t *testing.T) (all []image.Image) {
	t.Helper()
	required := os.Getenv("LABRUN_GUESTS") == "required"
	for _, spec := range filepath.SplitList(os.Getenv("LABRUN_TEST_KERNELS")) {
		if filepath.Base(spec) == runsc {
			continue // not a kernel of Linux, see TestGVisor
		}
		i, err := image.Open(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		switch err := Can(i); {
		case err != nil && required:
			t.Fatal(err)
		case err != nil:
			t.Log(err)
		default:
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		if required {
			t.Fatal("LABRUN_GUESTS is required, and LABRUN_TEST_KERNELS names no kernels")
		}
		t.Skip("LABRUN_TEST_KERNELS names no kernels, such as a folder with boot/vmlinuz* and lib/modules")
	}
	return all
}
