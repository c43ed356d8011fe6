package syntax

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/wording"
)

// raw returns the text that tokens were cut from.
func (p *stepParser) raw(tokens []token) string {
	if len(tokens) == 0 {
		return ""
	}
	return p.Text[tokens[0].start:tokens[len(tokens)-1].end]
}

// foundIn says what stands where something else should.
func (p *stepParser) foundIn(tokens []token) string {
	if len(tokens) == 0 {
		return "nothing"
	}
	return wording.Quote(p.raw(tokens))
}

func (p *stepParser) word(k lab.Kind, tokens []token, at int) (string, bool) {
	if len(tokens) != 1 || !tokens[0].word() {
		p.wrong(at, "%s: %s is expected here, found %s", p.sig.Name, k, p.foundIn(tokens))
		return "", false
	}
	return tokens[0].text, true
}

func (p *stepParser) name(r NameRule, word string, at int) bool {
	problem := r.Check(word)
	if problem != "" {
		p.wrong(at, "%s", problem)
	}
	return problem == ""
}

func (p *stepParser) oneOf(noun string, words []string, tokens []token, at int) lab.Arg {
	found := p.raw(tokens)
	for _, w := range words {
		if w == found {
			return lab.Word(w)
		}
	}
	ending := wording.Hint(found, "allowed", words)
	if meant := meantWord(noun, found, words); meant != "" {
		ending = fmt.Sprintf(", write %s", meant)
	} else if noun == optionNoun && wording.Nearest(found, words) == "" {
		ending = otherOptions(found, words)
	}
	p.wrong(at, "unknown %s %s%s", noun, wording.Quote(found), ending)
	return nil
}

const optionNoun = "socket option"

// otherOptions lists options, those first that begin as the one that was found: SO_, TCP_.
func otherOptions(found string, names []string) string {
	prefix, _, ok := strings.Cut(found, "_")
	var alike, others []string
	for _, n := range names {
		if ok && strings.HasPrefix(n, prefix+"_") {
			alike = append(alike, n)
		} else {
			others = append(others, n)
		}
	}
	list := append(alike, others...)
	shown := min(max(12, len(alike)), len(list))
	return fmt.Sprintf("; allowed: %s and %d more, in \"labrun schema topology\"", strings.Join(list[:shown], ", "),
		len(list)-shown)
}

func (p *stepParser) number(tokens []token, at int, low, high int64) lab.Arg {
	n, problem := Decimal(p.raw(tokens), low, high)
	if problem != "" {
		p.wrong(at, "%s: %s", p.sig.Name, problem)
		return nil
	}
	return lab.Int(n)
}

func (p *stepParser) string(what string, tokens []token, at int) lab.Arg {
	if len(tokens) != 1 || !tokens[0].str {
		p.wrong(at, "%s: %s is expected here, in double quotes%s", p.sig.Name, what, p.quotedFrom(tokens))
		return nil
	}
	return lab.Text(tokens[0].text)
}

// quotedFrom ends a complaint about a string that has no quotes.
func (p *stepParser) quotedFrom(tokens []token) string {
	if raw := p.raw(tokens); raw != "" && len(raw) < 60 &&
		!slices.ContainsFunc(tokens, func(t token) bool { return !t.word() }) {
		return `: "` + raw + `"`
	}
	return "; found " + p.foundIn(tokens)
}

// device reads the name of a NIC, bare or in quotes; "" stands for none. The text that
// SO_BINDTODEVICE gets in quotes may be any: the kernel looks for the device.
func (p *stepParser) device(tokens []token, at int) lab.Arg {
	var name string
	if len(tokens) == 1 && tokens[0].word() {
		name = tokens[0].text
	} else if text, ok := p.string(string(lab.ValueDevice), tokens, at).(lab.Text); ok {
		if name = string(text); p.option.Value == lab.ValueDevice && len(name) <= maxText {
			return text
		}
	} else {
		return nil
	}
	if name != "" && name != "lo" && !p.name(NicName, name, at) {
		return nil
	}
	return lab.Text(name)
}

func (p *stepParser) duration(tokens []token, at int) lab.Arg {
	d, problem := Duration(p.raw(tokens))
	if problem != "" {
		p.wrong(at, "%s: %s", p.sig.Name, problem)
		return nil
	}
	return lab.Duration(d)
}

// Duration reads a time that a step may take, or says what is wrong.
func Duration(text string) (time.Duration, string) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		problem := wording.Quote(text) + " is not a duration such as 100ms or 1.5s"
		if _, err := time.ParseDuration(text + "s"); err == nil {
			problem += "; a number needs its unit, s or ms"
		}
		return 0, problem
	case d <= 0 || d > MaxWait:
		return 0, number(text) + " is out of range, it must be above 0s and at most " +
			strconv.Itoa(int(MaxWait.Seconds())) + "s"
	}
	return d, ""
}

// linger reads {l_onoff=1, l_linger=0} or {1, 0}.
func (p *stepParser) linger(tokens []token, at int) lab.Arg {
	var values [2]int32
	bad := func() lab.Arg {
		p.wrong(at, "%s: %s or {1, 0} is expected here, found %s", p.sig.Name, lab.ValueLinger, p.foundIn(tokens))
		return nil
	}
	if len(tokens) < 2 || !tokens[0].is("{") || closing(tokens, 0) != len(tokens)-1 {
		return bad()
	}
	fields := split(tokens[1 : len(tokens)-1])
	if len(fields) != 2 {
		return bad()
	}
	for i, f := range fields {
		name := [...]string{"l_onoff", "l_linger"}[i]
		if len(f) == 3 && f[0].is(name) && f[1].is("=") {
			f = f[2:]
		}
		if len(f) != 1 || !f[0].word() {
			return bad()
		}
		n, problem := Decimal(f[0].text, math.MinInt32, math.MaxInt32)
		if problem != "" {
			p.wrong(f[0].start, "%s: %s: %s", p.sig.Name, name, problem)
			return nil
		}
		values[i] = int32(n)
	}
	return lab.Linger{On: values[0], Seconds: values[1]}
}

func optionNames() []string {
	var names []string
	for _, o := range lab.Options {
		names = append(names, o.Name)
	}
	return wording.Sorted(names...)
}
