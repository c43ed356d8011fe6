// Package strace reads what strace -f prints, such as somebody has pasted it into the report of a bug, into the events
// of package trace; pure.
package strace

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/trace"
)

// Parse returns the calls of a log, and the lines that are not strace's or are not whole. Lines of one process need no
// number; where strace writes a call in two, since another process made one meanwhile, the two are one event.
func Parse(text string) (events []trace.Event, left []trace.Left) {
	p := &parser{begun: map[int]half{}, alive: map[int]bool{}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		p.line(number, strings.TrimRight(line, "\r\n"))
	}
	for thread, h := range p.begun { // it still waited when the log ended
		e := trace.Event{Thread: thread, Begin: h.line, Line: h.line, Text: h.text, Name: nameOf(h.text)}
		p.events = append(p.events, e)
	}
	return p.events, p.left
}

type parser struct {
	events []trace.Event
	left   []trace.Left
	begun  map[int]half // calls of which the first half was read, by thread
	alive  map[int]bool // threads that were seen to begin, and not to end
	root   int          // the number of the first process, 0 while no line has said it
	bare   bool         // a line without a number was read
	cut    string       // what stood before a message of strace's within a line
}

type half struct {
	line int
	text string
}

var (
	// threadBefore is the number of the thread that strace -f writes before a line. A time has a colon or a point.
	threadBefore = once.Regexp(`^(?:\[pid +(\d+)\] +|(\d+) +)`)
	// before is what options write between that and the call, as in package syntax.
	before = once.Regexp(`^(?:\d\d:\d\d:\d\d(?:\.\d+)? +|\d+\.\d+ +)?(?:\(\+ *\d+\.\d+\) +)?` +
		`(?:\[ *(?:[0-9a-f]+|\?+)\] +)*`)
	// attached is strace's message about a process that it follows from now on; one may stand within a line.
	attached   = once.Regexp(`(?:strace: )?Process (\d+) attached(?: with \d+ threads)?(?: \(waiting for parent\))?\n?`)
	message    = once.Regexp(`^(?:strace: |Process \d+ (?:attached|detached|suspended|resumed))`)
	unfinished = once.Regexp(`,? *<unfinished \.\.\.>$`)
	resumed    = once.Regexp(`^<\.\.\. (\w+) resumed> ?,? ?`)
	ended      = once.Regexp(`^\+\+\+ (?:exited with \d+|killed by \w+.*) \+\+\+$`)
	callName   = once.Regexp(`^(\w+)\(`)
)

func nameOf(text string) string {
	if m := callName().FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// leave notes a line that says nothing about calls, or not all.
func (p *parser) leave(number, at int, line, why string) {
	p.left = append(p.left, trace.Left{
		Line: number, Col: 1 + utf8.RuneCountInString(line[:at]), Text: strings.TrimSpace(line), Why: why})
}

func (p *parser) line(number int, line string) {
	if m := attached().FindStringSubmatchIndex(line); m != nil {
		if n, err := strconv.Atoi(line[m[2]:m[3]]); err == nil {
			p.alive[n] = true
		}
		// The message came between: what follows, in the next line, goes on where the line was.
		p.cut += line[:m[0]]
		if line = line[m[1]:]; line == "" {
			return
		}
	}
	line, p.cut = p.cut+line, ""
	text := strings.TrimSpace(line)
	switch {
	case text == "" || message().MatchString(text):
		return
	case strings.HasPrefix(text, "$ ") || strings.HasPrefix(text, "# "):
		return // the command, pasted with what it printed
	}
	at := strings.Index(line, text)
	thread, rest := p.thread(text)
	rest = rest[len(before().FindString(rest)):]
	at += len(text) - len(rest)
	switch m := resumed().FindStringSubmatch(rest); {
	case ended().MatchString(rest):
		delete(p.begun, thread)
		delete(p.alive, thread)
		e := trace.Event{Thread: thread, Begin: number, End: number, Line: number, Name: trace.Exit, Text: rest}
		p.events = append(p.events, e)
	case strings.HasPrefix(rest, "---"), strings.HasPrefix(rest, "+++"): // a signal; a thread whose process is another
	case m != nil:
		h, ok := p.begun[thread]
		if delete(p.begun, thread); !ok || nameOf(h.text) != m[1] {
			p.leave(number, at, line, "the first half of this call is not in the log")
			return
		}
		p.call(thread, h.line, number, h.text+join(h.text, rest[len(resumed().FindString(rest)):]), line, at)
	case unfinished().MatchString(rest):
		p.begun[thread] = half{number, unfinished().ReplaceAllString(rest, "")}
	default:
		p.call(thread, number, number, rest, line, at)
	}
}

// join returns the second half of a call as it follows the first.
func join(first, second string) string {
	if strings.HasSuffix(first, "(") || strings.HasPrefix(second, ")") || strings.HasSuffix(first, ", ") {
		return second
	}
	return ", " + second
}

// thread returns which thread a line is of. strace writes no number while it follows one process alone, which is the
// first one, or the last that is left.
func (p *parser) thread(text string) (number int, rest string) {
	m := threadBefore().FindStringSubmatch(text)
	if m == nil {
		if !p.bare && len(p.alive) == 0 {
			p.alive[p.root] = true // the first process, whatever its number
		}
		p.bare = true
		if len(p.alive) == 1 {
			for only := range p.alive {
				return only, text
			}
		}
		return p.root, text
	}
	number, _ = strconv.Atoi(m[1] + m[2])
	if !p.alive[number] {
		p.alive[number] = true
		if p.bare && p.root == 0 {
			p.rename(number)
		}
	}
	return number, text[len(m[0]):]
}

// rename gives the first process the number that it has after all.
func (p *parser) rename(number int) {
	p.root = number
	delete(p.alive, 0)
	for i := range p.events {
		if p.events[i].Thread == 0 {
			p.events[i].Thread = number
		}
	}
	if h, ok := p.begun[0]; ok {
		p.begun[number] = h
		delete(p.begun, 0)
	}
}

// call reads a call. Its child is known from then on: the next line may be the child's.
func (p *parser) call(thread, begin, end int, text, line string, at int) {
	name, args, result, ok := syntax.CutCall(text)
	if !ok || nameOf(text) != name {
		p.leave(end, at, line, "this is not a line of strace, such as listen(3, 5) = 0")
		return
	}
	e := trace.Event{
		Thread: thread, Begin: begin, End: end, Line: begin, Name: name, Args: args, Result: result, Text: text}
	forks := strings.HasPrefix(name, "clone") || strings.HasSuffix(name, "fork")
	if child, err := strconv.Atoi(result); err == nil && child > 0 && forks {
		p.alive[child] = true
	}
	if thread != 0 {
		p.alive[thread] = true
	}
	p.events = append(p.events, e)
}

// Sniff reports whether a text looks like a log of strace: most of its lines do that are not empty.
func Sniff(text string) bool {
	lines, calls := 0, 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		lines++
		_, rest := (&parser{alive: map[int]bool{}}).thread(line)
		rest = rest[len(before().FindString(rest)):]
		_, _, result, ok := syntax.CutCall(rest)
		if ok && nameOf(rest) != "" && result != "" || strings.HasPrefix(rest, "--- ") ||
			resumed().MatchString(rest) || unfinished().MatchString(rest) || ended().MatchString(rest) ||
			attached().MatchString(rest) {
			calls++
		}
		if lines >= 200 {
			break
		}
	}
	return calls > 0 && 2*calls >= lines
}
