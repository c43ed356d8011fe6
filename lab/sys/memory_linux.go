package sys

import (
	"fmt"
	"os"
	"strings"
)

// OutOfMemoryKills returns how many processes the kernel has killed since it booted because memory had run out, the
// machine's or a control group's: oom_kill of /proc/vmstat, see __oom_kill_process in mm/oom_kill.c. Its log would
// name them, but one such message has a line for every process, and soon nothing else is left in the log.
func OutOfMemoryKills() int {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	return outOfMemoryKills(string(text))
}

func outOfMemoryKills(vmstat string) (n int) {
	for line := range strings.Lines(vmstat) {
		if found, _ := fmt.Sscanf(line, "oom_kill %d", &n); found == 1 {
			return n
		}
	}
	return 0
}
