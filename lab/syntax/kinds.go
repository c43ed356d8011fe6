package syntax

import (
	"math"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

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
