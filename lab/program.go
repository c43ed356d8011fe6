package lab

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Run is a real program in a host.
type Run struct {
	Argv       []string
	Background bool     // the next step does not wait for its end
	FDs        []FD     // sockets that it is given, as descriptors 3 and up
	Stdout     *Pattern // what it must print; nil takes anything
	Stderr     *Pattern
}

// FD is a socket of a process on the program's host.
type FD struct{ Process, Sock string }

// String writes it as a file does: w of the process main, web:w of another one.
func (f FD) String() string {
	if f.Process == "main" {
		return f.Sock
	}
	return f.Process + ":" + f.Sock
}

// ParseFD reads what String writes.
func ParseFD(text string) FD {
	process, sock, ok := strings.Cut(text, ":")
	if !ok {
		return FD{"main", text}
	}
	return FD{process, sock}
}

// Pattern is a text that output must be, but for a last line end, or a regular expression that must be
// found in it, RE2 syntax.
type Pattern struct {
	Text   string
	Regexp *regexp.Regexp // not nil: Text is its source
}

// Match reports whether the output is as it should be.
func (p *Pattern) Match(output string) bool {
	switch {
	case p == nil:
		return true
	case p.Regexp != nil:
		return p.Regexp.MatchString(output)
	}
	return output == p.Text || output == p.Text+"\n"
}

func (p *Pattern) String() string {
	if p.Regexp != nil {
		return "/" + p.Text + "/"
	}
	return strconv.Quote(p.Text)
}

// Finish is how a program must end, or did end.
type Finish struct {
	Status         int    // 128 and the signal when one ended it
	Stdout, Stderr string // as String shows them: a pattern or a quoted output; "" is not shown
}

func (f Finish) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d", f.Status)
	if f.Stdout != "" {
		b.WriteString(", stdout " + f.Stdout)
	}
	if f.Stderr != "" {
		b.WriteString(", stderr " + f.Stderr)
	}
	return b.String()
}

func (Finish) arg() {}
