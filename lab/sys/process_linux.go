package sys

import (
	"fmt"
	"os"
	"strings"
)

// ProcessStat returns the fields of proc_pid_stat(5) that follow the program's name, which may
// hold anything: state, parent, process group, session, terminal, its group, flags and more.
func ProcessStat(pid int) ([]string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 7 {
		return nil, fmt.Errorf("/proc/%d/stat: %q is not as expected", pid, stat)
	}
	return fields, nil
}
