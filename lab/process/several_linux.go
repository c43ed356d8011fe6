package process

import (
	"context"
	"fmt"
	"net/netip"

	"labrun/lab"
)

// Reply is what a process answered to a call. Err says that the call could not be made.
type Reply struct {
	Answer lab.Answer
	Addr   netip.AddrPort // that it answered, if it did
	Err    error
}

// Calls makes the process carry out calls one after the other, up to the first that does not
// answer ok, and returns their answers, at least one: those of Call, for the price of one
// message. None may be exec.
func (p *Process) Calls(ctx context.Context, all []Args) ([]Reply, error) {
	several := request{Call: "calls", Args: make([]value, len(all))}
	for i, a := range all {
		r, err := newRequest(a)
		if err != nil {
			return nil, fmt.Errorf("process %s: %w", p.Name, err)
		}
		several.Args[i].of = r
		several.Limit += r.Limit
	}
	r, err := p.ask(ctx, several, nil)
	if err != nil {
		return nil, err
	}
	answered, ok := valueOf[replies](r)
	if !ok {
		return nil, fmt.Errorf("process %s: no answers", p.Name)
	}
	out := make([]Reply, len(answered))
	for i, r := range answered {
		out[i].Answer, out[i].Addr = r.answer()
		if r.Broken != "" {
			out[i].Err = fmt.Errorf("process %s: %s", p.Name, r.Broken)
		}
	}
	return out, nil
}
