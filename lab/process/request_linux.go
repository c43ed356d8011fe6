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
	Inner []netip.Addr   // for those in its control messages, in their order
	Limit time.Duration

	Sender bool // the answer is to say who sent it
	With   bool // and what came along
}

// newRequest turns a call that a process makes by itself into a request.
func newRequest(a Args) (request, error) {
	sig, ok := lab.SignatureOf(a.Call.Name)
	if !ok || sig.By != lab.ByProcess {
		return request{}, fmt.Errorf("%s: no call %q that a process makes", a.Call, a.Call.Name)
	}
	args := a.Call.Args
	sig = sig.For(len(args))
	if len(args) < len(sig.Args)-sig.Optional || len(args) > len(sig.Args) && !sig.Repeats {
		return request{}, fmt.Errorf("%s: %d arguments", a.Call, len(args))
	}
	r := request{Call: a.Call.Name, Makes: a.Call.Makes, Limit: a.Limit, Args: make([]value, len(args)),
		Sender: a.Sender, With: a.With}
	inner := a.Inner
	for i, arg := range args {
		kind := sig.Kind(i)
		v := &r.Args[i]
		v.of = arg
		if addr, ok := arg.(lab.Addr); ok {
			to := address{Family: addr.Family}
			if addr != lab.Unspec {
				if to.IP = a.Addr; !to.IP.IsValid() {
					return request{}, fmt.Errorf("%s: %s stands for no address", a.Call, arg)
				}
			}
			v.of = to
		}
		if c, ok := arg.(lab.Control); ok {
			to := control{Name: c.Name}
			for _, arg := range c.Args {
				one := value{arg}
				for addr := range lab.AddrsIn(arg) {
					if len(inner) == 0 {
						return request{}, fmt.Errorf("%s: %s stands for no address", a.Call, arg)
					}
					if one.of = inner[0]; arg == lab.Arg(addr) {
						one.of = address{IP: netip.AddrPortFrom(inner[0], addr.Port.Number)}
					}
					inner = inner[1:]
				}
				to.Args = append(to.Args, one)
			}
			v.of = to
		}
		if !v.fits(kind) {
			return request{}, fmt.Errorf("%s: %s of type %T is not %s", a.Call, arg, arg, kind)
		}
		switch arg := arg.(type) {
		case lab.Text:
			if problem := lab.PathProblem(string(arg)); problem != "" && kind.NamesUnix() {
				return request{}, fmt.Errorf("%s: path %q %s", a.Call, string(arg), problem)
			}
		case lab.Word:
			if kind == lab.KindPart {
				kind = lab.KindFlags
			}
			if of := numbers[kind]; of != nil {
				n, err := numberOf(of, arg)
				if err != nil {
					return request{}, fmt.Errorf("%s: %w", a.Call, err)
				}
				v.of = n
			}
		}
	}
	return r, nil
}
