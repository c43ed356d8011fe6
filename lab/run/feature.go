package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"labrun/lab"
	"labrun/lab/plan"
	"labrun/lab/process"
)

// probe finds out which of the features the kernel has that answers of the
// topology depend on.
func probe(ctx context.Context, version lab.KernelVersion, t *lab.Topology, build builder) (lab.Kernel, error) {
	has := map[lab.Feature]bool{}
	kernel := lab.Kernel{Version: version, Has: func(f lab.Feature) bool { return has[f] }}
	needed := features(t)
	for i := range t.Probes {
		p := &t.Probes[i]
		f := lab.Feature{Kind: "probe", Name: p.Name}
		if !slices.Contains(needed, f) {
			continue
		}
		c := &cell{topology: t, experiment: p, plan: p.StepsOf(0), subject: p.Hosts[0], kernel: kernel}
		o, err := c.steps(ctx, build)
		result := c.result(o, err)
		if err := c.close(); err != nil {
			return kernel, fmt.Errorf("probe %s: %w", p.Name, err)
		}
		if result.Verdict == lab.Error {
			return kernel, fmt.Errorf("probe %s: %s", p.Name, result.Reason())
		}
		has[f] = result.Verdict == lab.Pass
	}
	needed = slices.DeleteFunc(needed, func(f lab.Feature) bool { return f.Kind == "probe" })
	if len(needed) == 0 {
		return kernel, nil
	}
	err := inBareHost(ctx, build, func(s *set) error {
		for _, f := range needed {
			ok, err := s.has(ctx, f)
			if err != nil {
				return fmt.Errorf("is there %s: %w", f, err)
			}
			has[f] = ok
		}
		return nil
	})
	return kernel, err
}

// features returns the features that conditions of the topology name, each once.
func features(t *lab.Topology) []lab.Feature {
	var all []lab.Feature
	for _, list := range [][]lab.Experiment{t.Probes, t.Experiments} {
		for i := range list {
			for s := range list[i].Steps() {
				for _, r := range s.Want {
					if r.Has == nil {
						continue
					}
					if f := (lab.Feature{Kind: r.Has.Kind, Name: r.Has.Name}); !slices.Contains(all, f) {
						all = append(all, f)
					}
				}
			}
		}
	}
	return all
}

// bare is the process in a host without NICs that tries features out.
var bare = lab.Process{Host: "probe", Name: "main"}

func inBareHost(ctx context.Context, build builder, f func(*set) error) error {
	s := &set{processes: map[lab.Process]*process.Process{}}
	l, err := build(ctx, plan.New(&lab.Topology{Name: "probe", Hosts: []lab.Host{{Name: bare.Host}}}))
	if err != nil {
		return err
	}
	s.lab = l
	p, err := s.group.Start(process.Spec{Name: bare.String(), In: l.Host(bare.Host).Do})
	if err == nil {
		s.bear(bare, p)
		err = f(s)
	}
	return errors.Join(err, s.close())
}

func (s *set) has(ctx context.Context, f lab.Feature) (bool, error) {
	switch f.Kind {
	case "sysctl":
		_, err := s.lab.Host(bare.Host).ReadSysctl(f.Name)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	case "option":
		return s.processes[bare].HasOption(ctx, f.Name)
	case "socket":
		call := lab.Call{Makes: "s", Name: "socket", Args: []lab.Arg{lab.Word(f.Name)}}
		answer, _, err := s.processes[bare].Call(ctx, process.Args{Call: call})
		return answer.Outcome == lab.OK, err
	}
	return false, fmt.Errorf("no feature of kind %q", f.Kind)
}
