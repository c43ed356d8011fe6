package process

import (
	"fmt"
	"net/netip"
	"time"

	"labrun/lab"
)

// Args is a call's arguments, resolved: every name that has a meaning only in
// the file has become what it stands for.
type Args struct {
	Call  lab.Call
	Addr  netip.AddrPort // for the lab.Addr among the arguments; not looked at for lab.Unspec
	Limit time.Duration
}

// newRequest turns a call that a process makes by itself into a request.
func newRequest(a Args) (request, error) {
	sig, ok := lab.SignatureOf(a.Call.Name)
	if !ok || sig.By != lab.ByProcess {
		return request{}, fmt.Errorf("%s: no call %q that a process makes", a.Call, a.Call.Name)
	}
	args := a.Call.Args
	if len(args) < len(sig.Args)-sig.Optional || len(args) > len(sig.Args) && !sig.Repeats {
		return request{}, fmt.Errorf("%s: %d arguments", a.Call, len(args))
	}
	r := request{Call: a.Call.Name, Makes: a.Call.Makes, Limit: a.Limit}
	if sig.Repeats {
		r.Socks = make([]string, 0, len(args))
	}
	for i, arg := range args {
		if err := r.take(sig.Args[min(i, len(sig.Args)-1)], arg, a.Addr); err != nil {
			return request{}, fmt.Errorf("%s: %w", a.Call, err)
		}
	}
	if len(args) == 1 && (r.Call == "recv" || r.Call == "recvfrom") {
		r.Int = maxText
	}
	return r, nil
}

// take puts an argument of that kind in its place.
func (r *request) take(kind lab.Kind, arg lab.Arg, ip netip.AddrPort) error {
	switch arg := arg.(type) {
	case lab.Sock:
		return r.takeSock(kind, string(arg))
	case lab.Addr:
		return r.takeAddr(kind, arg, ip)
	case lab.Text:
		return r.takeText(kind, string(arg))
	case lab.Word:
		return r.takeWord(kind, string(arg))
	case lab.Int:
		switch kind {
		case lab.KindLength:
			length := int32(arg)
			r.Length = &length
			return nil
		case lab.KindFDFlags:
			return r.takeWord(kind, arg.String())
		case lab.KindInt, lab.KindDescriptor, lab.KindUser, lab.KindValue:
			r.Int = int64(arg)
			return nil
		}
	case lab.Duration:
		if kind == lab.KindDuration {
			r.Limit = time.Duration(arg)
			return nil
		}
	}
	if kind == lab.KindValue {
		switch arg := arg.(type) {
		case lab.Linger:
			r.Linger = arg
			return nil
		case lab.Range:
			r.Range = arg
			return nil
		case lab.Membership:
			r.Member = arg
			return nil
		case lab.Selector:
			r.Selector = arg
			return nil
		}
	}
	return misplaced(kind, arg)
}

func misplaced(kind lab.Kind, arg lab.Arg) error {
	return fmt.Errorf("%s of type %T is not %s", arg, arg, kind)
}

func (r *request) takeSock(kind lab.Kind, name string) error {
	switch {
	case kind != lab.KindSock:
		return misplaced(kind, lab.Sock(name))
	case r.Socks != nil:
		r.Socks = append(r.Socks, name)
	case r.Sock == "":
		r.Sock = name
	default:
		r.Other = name
	}
	return nil
}

func (r *request) takeAddr(kind lab.Kind, addr lab.Addr, ip netip.AddrPort) error {
	if kind != lab.KindAddr {
		return misplaced(kind, addr)
	}
	r.Family = addr.Family
	if addr == lab.Unspec {
		return nil
	}
	if !ip.IsValid() {
		return fmt.Errorf("%s stands for no address", addr)
	}
	r.Addr = ip
	return nil
}

func (r *request) takeText(kind lab.Kind, text string) error {
	switch kind {
	case lab.KindText, lab.KindValue:
		r.Text = []byte(text)
		return nil
	case lab.KindAddr, lab.KindPath:
		r.Path = &text
		if problem := lab.PathProblem(text); problem != "" {
			return fmt.Errorf("path %q %s", text, problem)
		}
		return nil
	}
	return misplaced(kind, lab.Text(text))
}

func (r *request) takeWord(kind lab.Kind, word string) error {
	switch kind {
	case lab.KindSockFlags, lab.KindFlags, lab.KindFDFlags:
		r.Flags = word
	case lab.KindType, lab.KindHow, lab.KindFcntl, lab.KindOption:
		r.Word = word
	default:
		return misplaced(kind, lab.Word(word))
	}
	return nil
}
