package fabric

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// ErrNoRules is that rules cannot be loaded on this machine.
var ErrNoRules = errors.New("no rules of nft")

// lackedRules says why.
type lackedRules string

func (l lackedRules) Error() string        { return string(l) }
func (l lackedRules) Is(target error) bool { return target == ErrNoRules }

// loadRules hands a text to nft(8). Its language is the program's own: what the kernel is told are
// expressions of a virtual machine (net/netfilter/nf_tables_api.c). The program runs in the host's
// network and with no other of its namespaces, so topology lets no text through that names files.
func (h *Host) loadRules(text string) error {
	path, err := exec.LookPath("nft")
	if err != nil {
		return lackedRules("nft is not installed; on Debian it is in the package nftables")
	}
	return h.Do(func() error {
		cmd := exec.Command(path, "-f", "-")
		cmd.Stdin, cmd.Env = strings.NewReader(text), []string{"LC_ALL=C"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		said := strings.TrimSpace(string(out))
		for _, lacks := range []string{"Operation not supported", "Protocol not supported"} {
			if err != nil && strings.Contains(said, lacks) {
				return lackedRules("this kernel lacks what the rules need (module nf_tables or one of nft_*): " + said)
			}
		}
		if err != nil {
			return fmt.Errorf("%v: %s", err, said)
		}
		return nil
	})
}
