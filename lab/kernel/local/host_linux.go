package local

import (
	"context"
	"errors"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/question"
	"labrun/lab/sys"
)

// onHost returns what makes a call that changes a host's links or addresses.
func onHost(call func(h *fabric.Host, args []lab.Arg) error) performer {
	return func(_ context.Context, c *cell, s *question.Step, _ question.Want) (got, error) {
		return c.refused(s, call(c.lab.Host(s.Process.Host), s.Call.Args))
	}
}

// refused is the answer of a call on a host, with the reason that fabric knows for it.
func (c *cell) refused(s *question.Step, err error) (got, error) {
	switch {
	case errors.Is(err, fabric.ErrNoSysctl), errors.Is(err, fabric.ErrAlwaysUp), errors.Is(err, fabric.ErrNoMessage):
		return got{}, errSkip(c.q.Place(s) + ": " + err.Error())
	case errors.Is(err, fabric.ErrNotPerHost):
		return got{}, err
	}
	g, otherErr := errnoAnswer(err)
	if refusal := (*fabric.Refusal)(nil); errors.As(err, &refusal) {
		g.why = refusal.Why
	}
	return g, otherErr
}

// sysctl reads or sets a parameter of the host.
func sysctl(_ context.Context, c *cell, s *question.Step, _ question.Want) (got, error) {
	h, name := c.lab.Host(s.Process.Host), word(s.Call.Args, 0)
	if len(s.Call.Args) == 1 {
		value, err := h.ReadSysctl(name)
		g, err := c.refused(s, err)
		if g.Outcome == lab.OK {
			g.Value = lab.Text(value)
		}
		return g, err
	}
	if err := c.guard(s.Process.Host, name); err != nil {
		return got{}, err
	}
	return c.refused(s, h.WriteSysctl(name, word(s.Call.Args, 1)))
}

// word returns a name, a text or a word among the arguments, "" when it was left out.
func word(args []lab.Arg, i int) string {
	if i < len(args) {
		switch a := args[i].(type) {
		case lab.Name:
			return string(a)
		case lab.Text:
			return string(a)
		case lab.Word:
			return string(a)
		}
	}
	return ""
}

// errnoAnswer turns the errno in an error into an answer. An error without one
// says that the call could not be made.
func errnoAnswer(err error) (got, error) {
	answer, ok := sys.AnswerOf(err)
	if !ok {
		return got{}, err
	}
	return got{Answer: answer}, nil
}
