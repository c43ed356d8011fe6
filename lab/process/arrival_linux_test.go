//go:build linux && (amd64 || arm64 || riscv64 || s390x)

package process

import (
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestArrivals has threads send themselves signals at once: every one is told, with its number and its sender, and the
// handlers of two are never in one slot.
func TestArrivals(t *testing.T) {
	if size := unsafe.Sizeof(arrival{}); size != 16 || ringSize&(ringSize-1) != 0 {
		t.Fatalf("the assembly has slots of 16 bytes and a mask of their number, here are %d and %d", size, ringSize)
	}
	own := map[unix.Signal]disposition{}
	for _, s := range []unix.Signal{unix.SIGUSR1, unix.SIGUSR2} {
		var was disposition
		if err := act(s, nil, &was); err != nil {
			t.Fatal(err)
		}
		own[s] = was
		to, err := handlerOf(s, saRestart)
		if err != nil {
			t.Fatal(err)
		}
		if err := act(s, &to, nil); err != nil {
			t.Fatal(err)
		}
		if !new(catcher).handles(s) {
			t.Errorf("%v has no handler", s)
		}
	}
	t.Cleanup(func() {
		for s, was := range own {
			if err := act(s, &was, nil); err != nil {
				t.Error(err)
			}
		}
	})
	const threads, each = 8, ringSize / 8 / 2
	for range 100 {
		var all sync.WaitGroup
		for range threads {
			all.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				for range each {
					for s := range own {
						if err := unix.Tgkill(unix.Getpid(), unix.Gettid(), s); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		got, err := arrived(nil)
		if err != nil {
			t.Fatal(err)
		}
		count := map[arrival]int{}
		for _, one := range got {
			count[one]++
		}
		for s := range own {
			const tkill = -6 // SI_TKILL
			one := arrival{int32(s), tkill, uint32(unix.Getpid()), uint32(unix.Getuid())}
			if n := count[one]; n != threads*each || len(count) != len(own) {
				t.Fatalf("%d of %d signals %v came: %v", n, threads*each, s, count)
			}
		}
	}
	for range ringSize + 1 {
		if err := unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := arrived(nil); err == nil {
		t.Errorf("of more signals than there is room for %d came, want an error", len(got))
	}
}
