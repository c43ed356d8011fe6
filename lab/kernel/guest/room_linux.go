package guest

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// Room returns how many guests this machine has the memory for, at least one: MemAvailable of
// proc_meminfo(5) over what one takes, which is its own memory and as much as the emulator takes beside it.
func Room(files *Files) int {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return math.MaxInt
	}
	if files != nil {
		return roomIn(string(text), memoryFiles)
	}
	return roomIn(string(text), memory)
}

func roomIn(meminfo string, memory int) int {
	for line := range strings.Lines(meminfo) {
		var kb int
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kb); n == 1 {
			return max(1, kb/1024/(2*memory))
		}
	}
	return math.MaxInt // the kernel does not say
}
