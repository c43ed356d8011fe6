package sys

import (
	"os"
	"testing"
)

func TestOutOfMemory(t *testing.T) {
	for record, want := range map[string]bool{
		"3,433,8921842,-;Out of memory: Killed process 113 (labrun) total-vm:1240168kB, anon-rss:9216kB, file-rss:0kB": true,
		"3,433,8921842,-;Memory cgroup out of memory: Killed process 113 (labrun) total-vm:1240168kB":                  true,
		"3,433,8921842,-;Out of memory: Killed process 1130 (labrun) total-vm:1240168kB":                               false,
		"6,434,8921842,-;oom_reaper: reaped process 113 (labrun), now anon-rss:0kB, file-rss:0kB":                      false,
	} {
		if got := isOutOfMemory(record, 113); got != want {
			t.Errorf("%q: %v", record, got)
		}
	}
	if WasOutOfMemory(os.Getpid()) {
		t.Error("this process was killed")
	}
}
