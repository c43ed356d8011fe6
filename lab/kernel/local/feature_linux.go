package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"labrun/lab"
	"labrun/lab/plan"
	"labrun/lab/process"
)

// bare is the process in a host without NICs that tries features out.
var bare = lab.Process{Host: "probe", Name: "main"}

// Has tries features out. That of a probe is a question like any other, and not among
// them.
func (k *Kernel) Has(ctx context.Context, features []lab.Feature) (map[lab.Feature]bool, error) {
	has := map[lab.Feature]bool{}
	if len(features) == 0 {
		return has, nil
	}
	r := newRoom()
	l, err := k.pool.Up(ctx, plan.New(&lab.Layout{Name: "probe", Hosts: []lab.Host{{Name: bare.Host}}}))
	if err != nil {
		return nil, tooEarly(ctx, err)
	}
	r.lab = l
	p, err := r.group.Start(process.Spec{Name: bare.String(), In: l.Host(bare.Host).Do})
	if err == nil {
		r.add(bare, p)
	}
	for _, f := range features {
		if err != nil {
			break
		}
		if has[f], err = r.has(ctx, f); err != nil {
			err = fmt.Errorf("is there %s: %w", f, err)
		}
	}
	return has, errors.Join(err, r.close())
}

func (r *room) has(ctx context.Context, f lab.Feature) (bool, error) {
	switch f.Kind {
	case "sysctl":
		_, err := r.lab.Host(bare.Host).ReadSysctl(f.Name)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	case "option":
		return r.processes[bare].HasOption(ctx, f.Name)
	case "socket":
		call := lab.Call{Makes: "s", Name: "socket", Args: []lab.Arg{lab.Word(f.Name)}}
		answer, _, err := r.processes[bare].Call(ctx, process.Args{Call: call})
		return answer.Outcome == lab.OK, err
	}
	return false, fmt.Errorf("no feature of kind %q", f.Kind)
}
