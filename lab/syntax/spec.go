package syntax

import (
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// spec reads the words of ip(8) for a route, a rule, a neighbour or a destination. They are cut
// at blanks alone: 2001:db8::/32 would be a dozen tokens.
func (r *reader) spec(k lab.Kind, s span) (lab.Arg, []Mistake) {
	if len(s.tokens) == 0 {
		return nil, r.expected(k, s)
	}
	spec, problem := ParseSpec(k, s.text())
	if problem != "" {
		return nil, s.wrong("%s: %s", r.Name, problem)
	}
	return spec, nil
}

// ParseSpec reads words of ip(8), or says what is wrong with them. What the kernel makes of
// words that are right is a question: a route over a gateway that is not on link, say.
func ParseSpec(k lab.Kind, text string) (lab.Spec, string) {
	terms := lab.Spec(text).Terms()
	if len(terms) == 0 {
		return "", "no words that say " + strings.TrimPrefix(string(k), "a ")
	}
	// ip(8) takes a word twice and forgets the first; here that is a mistake, as a route then is another
	// one than it reads like. The nexthops of a route have words of their own.
	hops := 0
	seen := map[string]int{}
	for _, t := range terms {
		if t.Word == "nexthop" {
			hops++
		}
		n, again := seen[t.Word]
		again = again && n == hops && t.Word != "nexthop"
		seen[t.Word] = hops
		word := t.Word
		if t.Bare() { // it is not a word of any Spec
			word = t.Value
		}
		switch {
		case again && !t.Bare():
			return "", wording.Quote(t.Word) + " is given twice"
		case again, !slices.Contains(lab.SpecWords[k], t.Word):
			return "", "unknown word " + wording.Quote(word) + wording.Hint(word, "allowed", lab.SpecWords[k])
		}
		if problem := specProblem(t); problem != "" {
			return "", t.Word + " " + problem
		}
	}
	spec := lab.SpecOf(terms)
	if k == lab.KindLink {
		return spec, linkProblem(spec)
	}
	if words := strings.Fields(text); slices.Contains(words, "reorder") && !slices.Contains(words, "delay") {
		return "", "reorder sends some at once and needs a delay for the others, as with tc-netem(8)"
	}
	return spec, ""
}

// linkProblem says what is wrong with words for a link, each of which has a place in the table.
func linkProblem(s lab.Spec) string {
	kind, terms := s.LinkKind(), s.Terms()
	if kind.Name == "" {
		return "a kind of link stands first" + wording.Hint(terms[0].Word, "allowed", lab.LinkKindNames())
	}
	// Words are the kind's own: a vlan with a mode is a macvlan that was meant.
	has := map[string]bool{}
	for _, t := range terms[1:] {
		has[t.Word] = true
		switch {
		case !slices.Contains(kind.Words, t.Word):
			return kind.Name + " has no " + wording.Quote(t.Word) + wording.Hint(t.Word, "allowed", kind.Words)
		case t.Word == "mode" && !slices.Contains(kind.Modes, t.Value):
			return "unknown mode " + wording.Quote(t.Value) + wording.Hint(t.Value, "allowed", kind.Modes)
		}
	}
	for _, w := range kind.Needs {
		if !has[w] {
			return kind.Name + " needs " + wording.Quote(w)
		}
	}
	return ""
}

// What addresses and numbers look like. A name is an alias or HOST.ALIAS; whether the host has it
// depends on the column, so topology looks.
var (
	specName  = once.Regexp(`^(?:[\pL\pN_-]+\.)?[\pL\pN_-]+$`)
	specRange = once.Regexp(`^[0-9]{1,10}(?:-[0-9]{1,10})?$`)
	specMark  = once.Regexp(`^(?:0x[0-9a-fA-F]{1,8}|[0-9]{1,10})(?:/(?:0x[0-9a-fA-F]{1,8}|[0-9]{1,10}))?$`)
)

// specProblem says what is wrong with what follows a word.
func specProblem(t lab.Term) string {
	like := func(re *regexp.Regexp) bool { return re.MatchString(t.Value) }
	number := func(text string) bool {
		_, err := strconv.ParseUint(text, 0, 32)
		return err == nil
	}
	// A zone would be a link's number, which no file can know, and a mapped address has no route.
	ok := true
	switch t.Takes {
	case lab.TakesNothing:
	case lab.TakesAddr:
		ip, err := netip.ParseAddr(t.Value)
		ok = err == nil && ip.Zone() == "" && !ip.Is4In6() || err != nil && like(specName())
	case lab.TakesPrefix:
		p, err := netip.ParsePrefix(t.Value)
		ip, err2 := netip.ParseAddr(t.Value)
		switch {
		case err == nil && p.Masked() != p: // the kernel answers EINVAL, which would look like a rule of routing
			return "takes a prefix without bits of a host: " + p.Masked().String() + ", not " + wording.Quote(t.Value)
		case err != nil && err2 != nil:
			ok = like(specName())
		case err2 == nil:
			ok = ip.Zone() == "" && !ip.Is4In6()
		}
	case lab.TakesNIC:
		if t.Value != "lo" {
			if problem := NicName.Check(t.Value); problem != "" {
				return "takes a link: " + problem
			}
		}
	case lab.TakesNumber:
		ok = number(t.Value)
	case lab.TakesTable:
		ok = slices.Contains([]string{"main", "local", "default"}, t.Value) || number(t.Value) && t.Value != "0"
	case lab.TakesScope:
		ok = slices.Contains([]string{"link", "host", "global"}, t.Value)
	case lab.TakesMAC:
		mac, err := net.ParseMAC(t.Value)
		ok = err == nil && len(mac) == 6 && strings.Count(t.Value, ":") == 5 || err != nil && like(specName())
	case lab.TakesTime:
		d, err := time.ParseDuration(t.Value)
		ok = err == nil && d > 0 && d <= MaxWait
	case lab.TakesPercent:
		_, ok = lab.Percent(t.Value)
	case lab.TakesProto:
		n, err := strconv.ParseUint(t.Value, 10, 8)
		ok = slices.Contains([]string{"tcp", "udp", "icmp"}, t.Value) || err == nil && n > 0
	case lab.TakesRange:
		low, high, two := strings.Cut(t.Value, "-")
		ok = like(specRange()) && number(low) && (!two || number(high))
		// Ports have 16 bits, and would be cut to those without a word.
		if limit := uint64(math.MaxUint16); ok && t.Word != "uidrange" {
			for _, end := range []string{low, high} {
				n, _ := strconv.ParseUint(end, 10, 64)
				ok = ok && n <= limit
			}
		}
	case lab.TakesMark:
		mark, mask, two := strings.Cut(t.Value, "/")
		ok = like(specMark()) && number(mark) && (!two || number(mask))
	}
	if !ok {
		if t.Value == "" {
			return "takes " + string(t.Takes) + ", found nothing"
		}
		return "takes " + string(t.Takes) + ", found " + wording.Quote(t.Value)
	}
	return ""
}
