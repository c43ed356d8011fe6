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

// arg reads an argument, which should be of that kind. After a complaint it may
// return nil.
func (p *stepParser) arg(k lab.Kind, tokens []token, at int) lab.Arg {
	switch k {
	case lab.KindSock:
		if word, ok := p.word(k, tokens, at); ok && p.name(socketName, word, at) {
			return lab.Sock(word)
		}
	case lab.KindProcess:
		word, ok := p.word(k, tokens, at)
		if ok && strings.Contains(word, "/") {
			p.wrong(at, "%s names a process of the caller's own host, without a host before it; found %s", p.sig.Name,
				wording.Quote(word))
		} else if ok && p.name(ProcessName, word, at) {
			return lab.ProcessName(word)
		}
	case lab.KindOption:
		a := p.oneOf(optionNoun, optionNames(), tokens, at)
		if w, ok := a.(lab.Word); ok {
			p.option, _ = lab.OptionOf(string(w))
		}
		return a
	case lab.KindSockFlags:
		return p.flags("socket flag", lab.SocketFlags, tokens, at)
	case lab.KindFlags:
		return p.flags("message flag", lab.MessageFlags, tokens, at)
	case lab.KindAddr:
		value := p.value(k, tokens, at)
		if a, ok := value.(lab.Addr); ok && a.Port.To != 0 {
			p.wrong(at, "%s takes one port, a range such as %s is for answers", p.sig.Name, a.Port)
			return nil
		}
		return value
	case lab.KindDuration:
		return p.duration(tokens, at)
	case lab.KindPath:
		return p.path(tokens, at)
	case lab.KindNIC:
		return p.nic(tokens, at)
	case lab.KindSysctl:
		return p.sysctl(tokens, at)
	case lab.KindPrefix:
		return p.prefix(tokens, at)
	default:
		if words, ok := wordsOf[k]; ok {
			return p.oneOf(strings.TrimPrefix(strings.TrimPrefix(string(k), "a "), "an "), words, tokens, at)
		}
		if low, high, ok := p.bounds(k); ok {
			return p.number(tokens, at, low, high)
		}
		return p.value(k, tokens, at)
	}
	return nil
}

// wordsOf are the words of the kinds that take one of a few.
var wordsOf = map[lab.Kind][]string{
	lab.KindType: lab.SocketTypes, lab.KindHow: lab.ShutdownHows, lab.KindFcntl: lab.FcntlCommands,
	lab.KindFDFlags: lab.DescriptorFlags, lab.KindSignal: lab.Signals, lab.KindLink: lab.LinkKinds,
	lab.KindAddrFlag: lab.AddressFlags,
}

// bounds returns what a number may be.
func (p *stepParser) bounds(k lab.Kind) (low, high int64, ok bool) {
	switch {
	case k == lab.KindInt && p.sig.Name == "exit":
		return 0, 255, true
	case k == lab.KindInt && (p.sig.Name == "recv" || p.sig.Name == "recvfrom"):
		return 1, 65536, true
	case k == lab.KindInt:
		return math.MinInt32, math.MaxInt32, true
	case k == lab.KindUser:
		return 0, MaxUser, true
	case k == lab.KindLength:
		return 0, 4096, true // more than any sockaddr; the kernel takes at most 128 bytes, MAX_SOCK_ADDR
	case k == lab.KindDescriptor:
		return math.MinInt32, -1, true
	}
	return 0, 0, false
}

// value reads what may be an argument or an answer.
func (p *stepParser) value(k lab.Kind, tokens []token, at int) lab.Arg {
	switch k {
	case lab.KindAddr:
		if len(tokens) == 1 && tokens[0].str {
			return p.path(tokens, at)
		}
		a, m := parseAddr(p.raw(tokens))
		if m != nil {
			p.wrong(at+m.At, "%s", m.Msg)
			return nil
		}
		return a
	case lab.KindText:
		text := p.string(string(k), tokens, at)
		if t, ok := text.(lab.Text); ok && len(t) > maxText {
			p.wrong(at, "the text has %d bytes, the limit is %d", len(t), maxText)
		}
		return text
	case lab.KindValue:
		switch p.option.Value {
		case lab.ValueErrno:
			return p.pending(tokens, at)
		case lab.ValueInt:
			return p.number(tokens, at, math.MinInt32, math.MaxInt32)
		case lab.ValueLinger:
			return p.linger(tokens, at)
		case lab.ValueDevice, lab.ValueIndex:
			return p.device(tokens, at)
		case lab.ValueRange:
			return p.portRange(tokens, at)
		case lab.ValueMembership:
			return p.membership(tokens, at)
		case lab.ValueSelector:
			return p.selector(tokens, at)
		}
		return nil // of an unknown option
	}
	return p.number(tokens, at, math.MinInt32, math.MaxInt32)
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

// Decimal reads a number between low and high, or says what is wrong.
func Decimal(text string, low, high int64) (int64, string) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > 1 && digits[0] == '0' {
		return 0, wording.Quote(text) + " is not a decimal number" + inDecimal(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, number(text) + " is not between " + strconv.FormatInt(low, 10) + " and " + strconv.FormatInt(high, 10)
	}
	return n, ""
}

// inDecimal ends a complaint about what is not a decimal number.
func inDecimal(text string) string {
	switch {
	case text == "true", text == "on", text == "yes":
		return ", write 1"
	case text == "false", text == "off", text == "no":
		return ", write 0"
	case len(text) > 1 && text[0] == '0' && strings.Trim(text, "0123456789") == "":
		return ", a number does not begin with 0"
	}
	if n, err := strconv.ParseUint(text, 0, 32); err == nil && strings.HasPrefix(text, "0") {
		return fmt.Sprintf(", write %d", n)
	}
	if inner := strings.Trim(text, `"[]`); inner != text && inner != "" && strings.Trim(inner, "0123456789") == "" {
		return ", write " + wording.Clip(inner)
	}
	return ""
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

// number shows a number as it is, unless it is long.
func number(text string) string {
	if len(text) > 32 {
		return wording.Quote(text)
	}
	return text
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
