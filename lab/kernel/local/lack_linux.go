package local

import (
	"context"
	"fmt"
	"slices"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/question"
)

// lacks says what the kernel lacks when that is why it gave an answer that was
// not wanted, or "". It is found out by trying, never from the kernel's version.
func (c *cell) lacks(ctx context.Context, s *question.Step, g got) (string, error) {
	if g.Outcome != lab.Failed {
		return "", nil
	}
	switch s.Call.Name {
	case "socket":
		// EINVAL is of a protocol whose number is too large for the kernel to have any such (inet_create).
		if slices.Contains([]string{"EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EINVAL"}, g.Errno) {
			if len(s.Call.Args) == 3 { // which one it answers may be the question
				return "", nil
			}
			return fmt.Sprintf("this kernel has no %s sockets", s.Call.Args[0]), nil
		}
	case "setsockopt", "getsockopt":
		return c.lacksOption(ctx, s, g)
	case "link_add":
		if g.Errno == "EOPNOTSUPP" {
			return fabric.NoLink(s.Spec), nil
		}
	case "cgroup_bpf":
		switch {
		case g.Errno == "ENOENT":
			return "a program needs a cgroup of labrun's own, which guests alone have: --kernel", nil
		case slices.Contains([]string{"EINVAL", "ENOSYS", "EOPNOTSUPP"}, g.Errno):
			return "this kernel has no such program of a cgroup (CONFIG_CGROUP_BPF)", nil
		}
	case "rule_add":
		if g.Errno == "EOPNOTSUPP" {
			return "this kernel has no routing rules (CONFIG_IP_MULTIPLE_TABLES)", nil
		}
	}
	return "", nil
}

func (c *cell) lacksOption(ctx context.Context, s *question.Step, g got) (string, error) {
	option := s.Call.Args[1].String()
	switch {
	case g.Errno == "EPERM" && option == "SO_ATTACH_REUSEPORT_EBPF":
		return "this user may not load a BPF program, bpf(2)", nil
	case g.Errno != "ENOPROTOOPT" && g.Errno != "EOPNOTSUPP":
		return "", nil
	}
	has, err := c.processes[s.Process].HasOption(ctx, option)
	if has || err != nil {
		return "", err
	}
	return "this kernel has no option " + option, nil
}
