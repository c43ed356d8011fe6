package local

import (
	"errors"
	"fmt"
	"net/netip"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/question"
	"labrun/lab/sys"
)

// onHost makes a call that changes or reads a host's links, addresses or
// parameters; the process's host is the one.
func (c *cell) onHost(who lab.Process, s *question.Step) (got, error) {
	h := c.lab.Host(who.Host)
	word := func(i int) string {
		if i >= len(s.Call.Args) {
			return ""
		}
		switch a := s.Call.Args[i].(type) {
		case lab.Name:
			return string(a)
		case lab.Text:
			return string(a)
		case lab.Word:
			return string(a)
		}
		return ""
	}
	prefix := func() netip.Prefix { return netip.Prefix(s.Call.Args[1].(lab.Prefix)) }
	var err error
	switch s.Call.Name {
	case "sysctl":
		if len(s.Call.Args) == 1 {
			var value string
			if value, err = h.ReadSysctl(word(0)); err == nil {
				return got{Answer: lab.Answer{Outcome: lab.OK, Value: lab.Text(value)}}, nil
			}
			break
		}
		if err := c.guard(who.Host, word(0)); err != nil {
			return got{}, err
		}
		err = h.WriteSysctl(word(0), word(1))
	case "addr_add":
		err = h.AddAddress(word(0), prefix(), word(2))
	case "addr_del":
		err = h.DelAddress(word(0), prefix())
	case "link_up", "link_down":
		err = h.SetLink(word(0), s.Call.Name == "link_up")
	case "link_add":
		err = h.AddLink(word(0), word(1))
	case "link_del":
		err = h.DelLink(word(0))
	case "link_master":
		err = h.SetMaster(word(0), word(1))
	default:
		err = fmt.Errorf("no call %q on a host", s.Call.Name)
	}
	switch {
	case errors.Is(err, fabric.ErrNoSysctl):
		return got{}, errSkip(s.Pos.Words() + ": " + err.Error())
	case errors.Is(err, fabric.ErrNotPerHost):
		return got{}, err
	}
	g, otherErr := errnoAnswer(err)
	if refusal := (*fabric.Refusal)(nil); errors.As(err, &refusal) {
		g.why = refusal.Why
	}
	return g, otherErr
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
