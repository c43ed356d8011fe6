package syntax

import (
	"math"
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// arg reads an argument, which should be of that kind. The kinds that only arguments have are
// here; value has those that a call may answer too.
func (r *reader) arg(k lab.Kind, s span) (lab.Arg, []Mistake) {
	switch k {
	case lab.KindSock:
		word, mistakes := r.word(k, s, SocketName)
		return lab.Sock(word), mistakes
	case lab.KindPending:
		word, mistakes := r.word(k, s, PendingName)
		return lab.Pending(word), mistakes
	case lab.KindProcess:
		if word, ok := s.word(); ok && strings.Contains(word, "/") {
			return nil, s.wrong("%s names a process of the caller's own host, without a host before it; found %s", r.Name,
				wording.Quote(word))
		}
		word, mistakes := r.word(k, s, ProcessName)
		return lab.ProcessName(word), mistakes
	case lab.KindOption:
		var ok bool
		r.option, ok = lab.OptionOf(s.text())
		switch {
		case ok && r.option.Value == lab.ValueInfo && r.Name == "setsockopt":
			return nil, s.wrong("%s is a part of what TCP_INFO answers, and can only be read", s.text())
		case ok:
			return lab.Word(s.text()), nil
		}
		return oneOf(optionNoun, optionNames(), s)
	case lab.KindLength:
		if r.Name == "getsockopt" { // what the kernel gave is shown with its length
			r.option.Value = lab.ValueBytes
		}
		return r.number(s, math.MinInt32, maxLength)
	case lab.KindSockFlags:
		return flags("socket flag", lab.SocketFlags, s)
	case lab.KindFlags:
		return flags("message flag", lab.MessageFlags, s)
	case lab.KindFDFlags, lab.KindEvents, lab.KindEpoll, lab.KindRestart:
		return flags(noun(k), maskWords[k], s)
	case lab.KindFamily, lab.KindSockType, lab.KindProtocol:
		if n, problem := Decimal(s.text(), math.MinInt32, math.MaxInt32); problem == "" {
			return lab.Int(n), nil
		}
		return flags(noun(k), maskWords[k], s)
	case lab.KindEpollOp: // what is none of the three is a question as well
		if n, problem := Decimal(s.text(), math.MinInt32, math.MaxInt32); problem == "" {
			return lab.Int(n), nil
		}
		return oneOf(noun(k), wordsOf[k], s)
	case lab.KindRequest:
		// Commands of netdevice(7) are about a link, the others about the socket: none takes the other's.
		command, _ := r.args[1].(lab.Word)
		if strings.HasPrefix(string(command), "SIOCG") || strings.HasPrefix(string(command), "SIOCS") {
			return r.nic(s)
		}
		return r.number(s, math.MinInt32, math.MaxInt32)
	case lab.KindProgram:
		hook, _ := r.args[0].(lab.Word)
		return oneOf("program at "+string(hook), lab.CgroupPrograms(string(hook)), s)
	case lab.KindNew:
		word, mistakes := r.word(k, s, SocketName)
		return lab.New(word), mistakes
	case lab.KindAddr:
		value, mistakes := r.value(k, s)
		switch a, ok := value.(lab.Addr); {
		case !ok || a == lab.Unspec:
		case a.Port.To != 0:
			return nil, s.wrong("%s takes one port, a range such as %s is for answers", r.Name, a.Port)
		case a.Port.Parity != "":
			return nil, s.wrong("%s takes one port, %s is for answers", r.Name, a.Port)
		case a.Base() == "":
			return nil, s.wrong("%s has no address; every address of the host is any%s", wording.Quote(s.text()),
				wording.Clip(s.text()))
		}
		return value, mistakes
	case lab.KindDuration:
		return r.duration(s)
	case lab.KindPath:
		return r.path(s)
	case lab.KindNIC:
		return r.nic(s)
	case lab.KindSysctl:
		return sysctl(s)
	case lab.KindPrefix:
		return prefix(s)
	case lab.KindBare:
		return r.bare(s)
	case lab.KindErrno:
		return errno(s)
	case lab.KindMessage:
		if _, ok := s.word(); ok {
			return r.arg(lab.KindSock, s)
		}
		return r.value(lab.KindText, s)
	case lab.KindPart:
		return r.part(s)
	}
	if lab.SpecWords[k] != nil {
		return r.spec(k, s)
	}
	if words, ok := wordsOf[k]; ok {
		return oneOf(noun(k), words, s)
	}
	if low, high, ok := r.bounds(k); ok {
		return r.number(s, low, high)
	}
	return r.value(k, s)
}

// pointer reads nil or bad in the place of memory, and how many bytes that has, nil for anything else.
func (r *reader) pointer(i int, s span) (lab.Arg, []Mistake) {
	word, ok := s.word()
	switch {
	case !ok || !r.TakesPointer(i):
	case slices.Contains(lab.Pointers, word):
		return lab.Pointer(word), nil
	case r.Kind(i) == lab.KindRoom, r.Kind(i) == lab.KindSockFlags && strings.Trim(word, "-0123456789") == "":
		n, mistakes := r.number(s, math.MinInt32, maxLength)
		if mistakes != nil {
			return lab.Room(0), mistakes
		}
		return lab.Room(n.(lab.Int)), nil
	}
	return nil, nil
}

// noun is how a complaint calls one of the kind.
func noun(k lab.Kind) string {
	return strings.TrimPrefix(strings.TrimPrefix(string(k), "a "), "an ")
}

// maskWords are the words of the kinds that take several of a few, joined by '|'.
var maskWords = map[lab.Kind][]string{
	lab.KindFDFlags: lab.DescriptorFlags, lab.KindEvents: lab.PollEvents, lab.KindEpoll: lab.EpollEvents,
	lab.KindCaught: lab.Signals, lab.KindRestart: lab.RestartFlags,
	lab.KindFamily: lab.Domains, lab.KindSockType: lab.SocketKinds, lab.KindProtocol: lab.Protocols,
}

// wordsOf are the words of the kinds that take one of a few.
var wordsOf = map[lab.Kind][]string{
	lab.KindType: lab.SocketTypes, lab.KindHow: lab.ShutdownHows, lab.KindFcntl: lab.FcntlCommands,
	lab.KindEpollOp: lab.EpollCommands, lab.KindIoctl: lab.IoctlCommands, lab.KindSignal: lab.Signals,
	lab.KindHandled: lab.Handlings, lab.KindRoom: lab.Pointers,
	lab.KindAddrFlag: lab.AddressFlags, lab.KindHook: lab.CgroupHooks, lab.KindProgram: lab.CgroupPrograms("bind4"),
}

// receivers are the calls whose number is how many bytes they take.
var receivers = []string{"recv", "recvfrom", "recvmsg"}

// maxLength is more than any sockaddr, of which the kernel takes at most 128 bytes (MAX_SOCK_ADDR).
const maxLength = 4096

// bounds returns what a number may be. They are wide, since what a kernel answers to a wrong
// number is a question like any other; but exit(2) cuts a status to a byte, and what recv
// takes is memory of labrun's.
func (r *reader) bounds(k lab.Kind) (low, high int64, ok bool) {
	switch {
	case k == lab.KindInt && r.Name == "exit":
		return 0, 255, true
	case k == lab.KindInt && slices.Contains(receivers, r.Name):
		return 1, 65536, true
	case k == lab.KindInt:
		return math.MinInt32, math.MaxInt32, true
	case k == lab.KindUser:
		return 0, MaxUser, true
	case k == lab.KindNumber:
		return 0, math.MaxInt32, true
	case k == lab.KindDescriptor:
		return math.MinInt32, -1, true // one that is open could be labrun's own
	}
	return 0, 0, false
}

// value reads what may be an argument or an answer. An address is read from its text: to the
// lexer 80 of x:80 is a word of its own, and [::1]:80 is a dozen tokens.
func (r *reader) value(k lab.Kind, s span) (lab.Arg, []Mistake) {
	switch k {
	case lab.KindAddr:
		if len(s.tokens) == 1 && s.tokens[0].str {
			return r.path(s)
		}
		if name := s.token(0).text; s.token(1).is("(") && (name == "packet" || name == "netlink") {
			return r.lowAddr(name, s)
		}
		a, m := parseAddr(s.text())
		if m != nil {
			return nil, wrong(s.at+m.At, "%s", m.Msg)
		}
		return a, nil
	case lab.KindText:
		text, mistakes := r.text(string(k), s)
		if len(text) > maxText {
			mistakes = s.wrong("the text has %d bytes, the limit is %d", len(text), maxText)
		}
		return text, mistakes
	case lab.KindValue:
		return r.optionValue(s)
	case lab.KindWay, lab.KindKnown:
		return r.spec(k, s)
	case lab.KindSetting:
		if ip, err := netip.ParseAddr(s.text()); err == nil {
			return lab.Word(ip.String()), nil
		}
	}
	return r.number(s, math.MinInt32, math.MaxInt32)
}

// optionValue reads the value of the option that was named before it.
func (r *reader) optionValue(s span) (lab.Arg, []Mistake) {
	switch r.option.Value {
	case lab.ValueErrno:
		return r.pending(s)
	case lab.ValueInt:
		return r.number(s, math.MinInt32, math.MaxInt32)
	case lab.ValueLinger:
		return r.linger(s)
	case lab.ValueDevice, lab.ValueIndex:
		name, mistakes := r.device(s)
		return lab.Text(name), mistakes
	case lab.ValueRange:
		return r.portRange(s)
	case lab.ValueMembership:
		return r.membership(s)
	case lab.ValueSelector:
		return r.selector(s)
	case lab.ValueTime:
		if s.text() == "0s" {
			return lab.Duration(0), nil
		}
		return r.duration(s)
	case lab.ValueText:
		return r.text(string(lab.ValueText), s)
	case lab.ValueBytes:
		return r.bytes(s)
	case lab.ValueAny:
		if s.token(0).is("bytes") {
			return r.bytes(s)
		}
		return r.number(s, math.MinInt32, math.MaxInt32)
	case lab.ValueInfo:
		return r.info(s)
	}
	return nil, nil // of an unknown option, which is a mistake already
}
