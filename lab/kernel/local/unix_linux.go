package local

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/process"
	"labrun/lab/program"
	"labrun/lab/result"
)

func isAbstract(name string) bool { return strings.HasPrefix(name, "@") }

// inLab returns the whole path of a name that is a path.
func inLab(name string) string {
	if isAbstract(name) || path.IsAbs(name) {
		return name
	}
	return path.Join("/tmp", name)
}

// stat returns the file that a call with that name finds, not ok for none: bind(2) and
// unlink(2) follow no link.
func (v *view) stat(call, name, host string) (program.FileInfo, bool, error) {
	return v.files.Stat(v.lab.Host(host).Do, name, lab.Call{Name: call}.Dials())
}

// unixSnapshot returns the sockets that have the name of a call: those of the file, on whichever
// host (unix_find_bsd in net/unix/af_unix.c), or of an abstract name those of the host that are
// of the same type (unix_abstract_hash). It is nil when the name is one of a file that no
// socket has, or of none.
func (e *explainer) unixSnapshot(ctx context.Context, name string) ([]result.SocketInfo, error) {
	s := e.step
	who := s.Process
	if isAbstract(name) {
		protocol, err := e.unixProtocol(ctx)
		if err != nil {
			return nil, err
		}
		holders, err := e.unixSockets(ctx, func(host string, u lab.UnixSocket) bool {
			return host == who.Host && u.Name == name && (protocol == "" || u.Protocol == protocol)
		})
		if holders == nil && s.Call.Name == "bind" {
			holders = []result.SocketInfo{}
		}
		return holders, err
	}
	if e.files == nil || s.Call.Name == "unlink" {
		return nil, nil
	}
	st, ok, err := e.stat(s.Call.Name, name, who.Host)
	if err != nil || !ok || st.Kind != "a socket" {
		return nil, err
	}
	return e.unixSockets(ctx, func(_ string, u lab.UnixSocket) bool {
		if u.File == 0 { // the table of /proc/net has paths alone
			return path.Clean(inLab(u.Name)) == path.Clean(inLab(name))
		}
		return u.File == st.Inode && u.Dev == st.Dev
	})
}

func (e *explainer) unixProtocol(ctx context.Context) (string, error) {
	s := e.step
	p := e.processes[s.Process]
	if sock, ok := s.Call.Args[0].(lab.Sock); ok && p != nil {
		o, err := p.Owns(ctx, string(sock))
		return o.Protocol, err
	}
	return "", nil
}

// unixSockets returns the sockets of all hosts that have one of the names wanted. Those that
// accept(2) made have the name of the listener without holding it.
func (v *view) unixSockets(ctx context.Context, wanted func(host string, u lab.UnixSocket) bool) ([]result.SocketInfo, error) {
	var all []result.SocketInfo
	for _, h := range v.q.Layout.Hosts {
		if v.lab.Host(h.Name) == nil {
			continue
		}
		socks, err := v.lab.Host(h.Name).UnixSockets()
		if err != nil {
			return nil, err
		}
		socks = slices.DeleteFunc(socks, func(u lab.UnixSocket) bool {
			return !wanted(h.Name, u) || u.State == "ESTABLISHED" && u.Protocol != "unix-dgram" && !u.PeerNamed
		})
		if len(socks) == 0 {
			continue
		}
		owned, err := v.ownedBy(h.Name, func(p *process.Process) ([]process.Owned, error) { return p.OwnedUnix(ctx) })
		if err != nil {
			return nil, err
		}
		for _, u := range socks {
			holder := result.SocketInfo{
				Host: h.Name, Protocol: u.Protocol, State: u.State, Local: v.unixName(lab.Text(u.Name)), User: u.UID,
			}
			setOwners(&holder, u.Inode, owned)
			all = append(all, holder)
		}
	}
	if slices.ContainsFunc(all, isListener) {
		all = slices.DeleteFunc(all, func(h result.SocketInfo) bool { return h.State == "ESTABLISHED" && h.Protocol != "unix-dgram" })
	}
	return all, nil
}

func isListener(h result.SocketInfo) bool { return h.State == "LISTEN" }

// unixElsewhere returns the sockets of the lab that have the name of a call and were not found by
// it: those of an abstract name on other hosts, or of another type, and those whose file is gone.
func (e *explainer) unixElsewhere(ctx context.Context, name string, told []result.SocketInfo) ([]result.SocketInfo, error) {
	all, err := e.unixSockets(ctx, func(_ string, u lab.UnixSocket) bool {
		return isAbstract(name) == isAbstract(u.Name) && path.Clean(inLab(u.Name)) == path.Clean(inLab(name)) &&
			(u.State == "LISTEN" || u.Protocol == "unix-dgram")
	})
	return slices.DeleteFunc(all, func(h result.SocketInfo) bool {
		return slices.ContainsFunc(told, func(t result.SocketInfo) bool { return t.String() == h.String() })
	}), err
}

// unixRules says what the file of a name has to do with the answer of a call.
func (e *explainer) unixRules(name, errno string, seen result.Snapshot) ([]string, error) {
	s := e.step
	if isAbstract(name) || e.files == nil {
		return nil, nil
	}
	host := s.Process.Host
	st, ok, err := e.stat(s.Call.Name, name, host)
	switch {
	case err != nil:
		return nil, err
	case errno == "ENOENT":
		return e.missing(name, host, seen)
	case !ok, errno != "EADDRINUSE" && errno != "ECONNREFUSED":
		return nil, nil
	case st.Kind != "a socket":
		return []string{fmt.Sprintf("%q is %s", inLab(name), st.Kind)}, nil
	case len(seen.Sockets) > 0:
		return nil, nil
	case errno == "EADDRINUSE": // vfs_mknod in unix_bind_bsd
		return []string{fmt.Sprintf("%q is a file without a socket: the socket is closed, and bind takes the name of no file; unlink it first", inLab(name))}, nil
	}
	return []string{fmt.Sprintf("%q is a file without a socket: the socket is closed", inLab(name))}, nil
}

// missing says which file is not there: the first directory of a path, or a file that was
// unlinked while the socket is still open.
func (e *explainer) missing(name, host string, seen result.Snapshot) ([]string, error) {
	gone := ""
	for p := path.Clean(inLab(name)); p != "/"; p = path.Dir(p) {
		switch _, ok, err := e.stat("", p, host); {
		case err != nil:
			return nil, err
		case ok && gone == "": // a link to nothing
			return []string{fmt.Sprintf("%q is a link to what does not exist", p)}, nil
		case ok && len(seen.Listens) > 0:
			return []string{fmt.Sprintf("%q was unlinked, or renamed, while its socket is open", gone)}, nil
		case ok:
			return []string{fmt.Sprintf("%q does not exist", gone)}, nil
		}
		gone = p
	}
	return nil, nil
}

// unixForbidden says which file of a path keeps a user from a call with EACCES or EPERM, and
// the capability that would not be kept from it, path_resolution(7).
func (e *explainer) unixForbidden(errno, name string, user uint32) (rule, needs string, err error) {
	s := e.step
	if isAbstract(name) || e.files == nil {
		return "", "", nil
	}
	host := s.Process.Host
	whole := path.Clean(inLab(name))
	for at := 1; at <= len(whole); at++ {
		if at < len(whole) && whole[at] != '/' {
			continue
		}
		p := whole[:at]
		st, ok, err := e.stat(s.Call.Name, p, host)
		if err != nil || !ok {
			return "", "", err
		}
		has := func(bits uint32) bool {
			switch {
			case st.User == user:
				return st.Mode>>6&bits == bits
			case st.Group == user: // a user's group has the user's number here
				return st.Mode>>3&bits == bits
			}
			return st.Mode&bits == bits
		}
		const write, search = 2, 1
		described := fmt.Sprintf("%q of user %d has mode %#o", p, st.User, st.Mode)
		switch last := p == path.Dir(whole); {
		case st.Kind == "a directory" && !has(search):
			return described + ", and a path leads through a directory with search permission only", "CAP_DAC_READ_SEARCH", nil
		case last && (s.Call.Name == "bind" || s.Call.Name == "unlink") && !has(write):
			return described + ", and " + s.Call.Name + " takes write permission for the directory", "CAP_DAC_OVERRIDE", nil
		case last && errno == "EPERM" && s.Call.Name == "unlink" && st.Mode&0o1000 != 0: // check_sticky in fs/namei.c
			return described + ", sticky: only the owner of a file, or of the directory, unlinks it", "CAP_FOWNER", nil
		case p == whole && s.Call.Dials() && !has(write):
			return described + ", and " + s.Call.Name + " takes write permission", "CAP_DAC_OVERRIDE", nil
		}
	}
	return "", "", nil
}
