package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"labrun/lab"
)

// Credentials returns the user that the process acts as, and the capabilities that the
// kernel finds with it, credentials(7), as proc_pid_status(5) has them.
func (p *Process) Credentials() (user uint32, capabilities []string, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, nil, err
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		switch fields := strings.Fields(value); {
		case key == "Uid" && len(fields) == 4:
			effective, err := strconv.ParseUint(fields[1], 10, 32)
			if err != nil {
				return 0, nil, err
			}
			user = uint32(effective)
		case key == "CapEff" && len(fields) == 1:
			set, err := strconv.ParseUint(fields[0], 16, 64)
			if err != nil {
				return 0, nil, err
			}
			for i, name := range lab.Capabilities {
				if set&(1<<i) != 0 {
					capabilities = append(capabilities, name)
				}
			}
		}
	}
	return user, capabilities, nil
}
