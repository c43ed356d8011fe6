package local

import (
	"context"
	"errors"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/question"
)

// change returns what makes a call that changes a host's routing, named as with ip(8).
func change(object, verb string) performer {
	return func(_ context.Context, c *cell, s *question.Step, _ question.Want) (got, error) {
		return c.refused(s, c.lab.Host(s.Process.Host).Change(object, verb, s.Spec))
	}
}

// reading returns what makes a call that reads it. The answer has addresses, as the wanted one has
// by then (question.Want.Spec), and gets its names where it is shown.
func reading(read func(*fabric.Host, lab.Spec) (lab.Spec, error)) performer {
	return func(_ context.Context, c *cell, s *question.Step, _ question.Want) (got, error) {
		answer, err := read(c.lab.Host(s.Process.Host), s.Spec)
		g, err := c.refused(s, err)
		if g.Outcome == lab.OK {
			g.Value = answer
		}
		return g, err
	}
}

// ping sends an echo request from a host. labrun does it and no process, as a process with a user
// of its own may not open such a socket, and the question is about the way, not about that.
func ping(ctx context.Context, c *cell, s *question.Step, want question.Want) (got, error) {
	answered, err := c.lab.Host(s.Process.Host).Ping(ctx, s.Spec, c.limit(s, want.Answer))
	switch {
	case err == nil && !answered:
		return got{Answer: lab.Answer{Outcome: lab.Blocked}}, nil
	case err != nil && errors.Is(err, context.Cause(ctx)) && ctx.Err() != nil:
		return got{}, err
	}
	return c.refused(s, err)
}
