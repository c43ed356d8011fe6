package why

import (
	"strings"

	"labrun/lab"
)

// hooksOf are the hooks of a cgroup at which a program can refuse a call.
var hooksOf = map[string]string{
	"socket": "sock_create", "bind": "bind4 bind6 post_bind4 post_bind6", "connect": "connect4 connect6",
	"sendto": "sendmsg4 sendmsg6", "sendmsg": "sendmsg4 sendmsg6",
}

// deniedByProgram: a program of the caller's cgroup refuses. It attached that itself, or an ancestor did, whose cgroup
// a child is born into.
func deniedByProgram(m *moment) string {
	for caller, at := m.step.Process, m.at-1; at >= 0; at-- {
		s := m.steps[at]
		switch {
		case s.Call.Name == "fork" && s.Process.Host == caller.Host && s.Call.Args[0].String() == caller.Name:
			caller = s.Process
		case s.Call.Name == "cgroup_bpf" && s.Process == caller && s.Call.Args[1] == lab.Word("deny"):
			hook := s.Call.Args[0].String()
			for _, h := range strings.Fields(hooksOf[m.call.Name]) {
				if h == hook {
					return say("a BPF program at the hook %s of %s's cgroup refuses it, before any look at ports or rights",
						hook, caller.Name)
				}
			}
		}
	}
	return ""
}

func noCgroup(*moment) string {
	return "the program needs a cgroup of labrun's own, and only guests have one"
}

// noPeerKey: a tunnel of WireGuard's, which the host has, has no peer for the destination.
func noPeerKey(m *moment) string {
	h := m.q.Layout.Host(m.host())
	if h == nil || !m.by.HasAddr {
		return ""
	}
	for _, n := range h.NICs {
		if n.Type == "wireguard" {
			return say("the route to %s leads into the tunnel %s, which has no peer with that among its allowed addresses",
				m.by.Addr.Addr, n.Name)
		}
	}
	return ""
}

// otherUser: a signal to a process of another user takes CAP_KILL.
func otherUser(m *moment) string {
	to, ok := m.arg(0).(lab.ProcessName)
	if !ok || m.keeps("CAP_KILL") {
		return ""
	}
	victim := m.world.UserOf(lab.Process{Host: m.host(), Name: string(to)}, 0)
	if u := m.q.UserOf(lab.Process{Host: m.host(), Name: string(to)}); u != nil && u.User != nil {
		victim = *u.User
	}
	if victim == m.user() {
		return ""
	}
	return say("%s is a process of user %d, and user %d has not CAP_KILL", to, victim, m.user())
}
