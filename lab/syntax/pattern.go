package syntax

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"labrun/lab"
)

// DescribeCall returns what an editor shows beside a call: its line, and what it answers besides ok. Its arguments
// are in the examples that the editor shows below that.
func DescribeCall(s lab.Signature) string {
	text := s.Doc + "."
	if s.Answers != "" {
		text += "\n\nAnswers " + string(s.Answers) + "."
	}
	return text
}

// CallPattern is the whole of a call, with that option where it takes one. The JSON Schema has
// one for each call and option, so that an editor underlines a step while it is written and
// completes it. A pattern lets pass what it cannot tell, whether a socket is open or an address
// exists: what it refuses must be wrong, what it takes need not be right. Where an axis or a rule
// fills in a part, ${...}, that part may be anything.
func CallPattern(s lab.Signature, option string) string {
	made := ""
	if s.Makes {
		made = Inner(SocketName) + `\s*=\s*`
		if s.Unnamed {
			made = "(?:" + made + ")?"
		}
	}
	answer, before := `\S[\s\S]*`, "="
	if s.Answers == lab.KindStates {
		before = "[=~]"
	}
	if s.Answers == "" {
		end := `(?:ok|blocked|E[A-Z0-9]+)`
		if s.Sender {
			end = `(?:` + senderPattern + `|` + end + `)`
		}
		answer = `(?:\?|` + end + `(?:\s*\|\s*` + end + `)*)(?:\s*\[[^\]]*\])*\s*`
	}
	call := argsPattern(s, option) + `\s*\)\s*(?:` + before + `\s*` + answer + `)?`
	if option == "" {
		call = "(?:" + call + `|[\s\S]*` + FillPattern + `[\s\S]*)`
	}
	return `^\s*` + made + s.Name + `\s*\(\s*` + call + "$"
}

// senderPattern is a connection and who made it: ok from peer.x:80, ok from "/tmp/app.sock".
const senderPattern = `ok\s+from\s+(?:` + stringPattern + `|\S+)`

// ErrnoPatterns take a step, and an answer alone, in which every word that stands where an answer may and looks like
// an errno is one. They stand beside the patterns of calls, which take E and anything: with the names of all errnos in
// each, the schema would be twice as long, and an editor that finds no call to match shows none.
//
// Go's patterns cannot say "but": the text is cut into strings, separators with what is right behind them, and all
// other characters.
func ErrnoPatterns() (step, answer string) {
	const separator = `[=|\[]`
	words := oneOfPattern(slices.Concat(lab.ErrnoNames(), lab.ErrnoAliases(), otherWords()))
	behind := `\s*(?:` + words + `?\s*` + separator + `\s*)*` + // = ESTABLISHED | ..., = [2001:db8::1]:80
		`(?:` + words + `(?:[^A-Z0-9=|\["]|$)|[^E\s=|\["]|E[A-Z0-9]*[^A-Z0-9\s=|\[\]"]|` + stringPattern + `|E?$)`
	rest := `(?:[^=|\["]|` + stringPattern + `|` + separator + behind + `)*$|` + FillPattern
	return `^` + rest, `^` + behind + rest
}

// otherWords are words of arguments and answers that look like errnos (errnoSyntax).
func otherWords() []string {
	words := slices.Clone(lab.StateNames)
	for _, all := range []map[lab.Kind][]string{wordsOf, maskWords} {
		for _, k := range slices.Sorted(maps.Keys(all)) {
			words = append(words, all[k]...)
		}
	}
	slices.Sort(words)
	return slices.DeleteFunc(slices.Compact(words), func(w string) bool { return !errnoSyntax().MatchString(w) })
}

// argsPattern is all arguments of a call. Each that may be left out is an optional group which
// holds those behind it too: none can be left out before another.
func argsPattern(s lab.Signature, option string) string {
	var b strings.Builder
	for i, k := range s.Args {
		one := kindPattern(k)
		if s.TakesPointer(i) {
			one = "(?:" + oneOfPattern(lab.Pointers) + "|" + one + ")"
		}
		if k == lab.KindOption {
			one = option
		}
		if i >= len(s.Args)-s.Optional {
			b.WriteString("(?:")
		}
		if i > 0 {
			b.WriteString(`\s*,\s*`)
		}
		b.WriteString(one)
		if s.Repeats && i == len(s.Args)-1 {
			b.WriteString(`(?:\s*,\s*` + one + ")*")
		}
	}
	b.WriteString(strings.Repeat(")?", s.Optional))
	if s.Long != nil {
		long := s.For(len(s.Long))
		long.Long = nil
		return "(?:" + b.String() + "|" + argsPattern(long, option) + ")"
	}
	return b.String()
}

// stringPattern is a string in double quotes, with any escapes, and how many times it stands there.
const stringPattern = `"(?:[^"\\]|\\[\s\S])*"(?:\*[0-9]+)?`

// kindPattern is what an argument looks like. Of some kinds anything will do,
// Load looks closer. It is a case for each kind that arg reads.
func kindPattern(k lab.Kind) string {
	if k == lab.KindRoom {
		return `(?:-?[0-9]+|` + oneOfPattern(lab.Pointers) + ")"
	}
	if k == lab.KindEpollOp {
		return `(?:-?[0-9]+|` + oneOfPattern(wordsOf[k]) + ")"
	}
	if words, ok := wordsOf[k]; ok {
		return oneOfPattern(words)
	}
	switch k {
	case lab.KindSock:
		return Inner(SocketName)
	case lab.KindPending:
		return Inner(PendingName)
	case lab.KindProcess:
		return Inner(ProcessName)
	case lab.KindAddr:
		return `(?:unspec|(?:packet|netlink)\([^()]*\)|` + stringPattern +
			`|(?:family|mapped)\([^"]*\)\s*:\s*[^\s,()":]+|[^\s,()"]*:[^\s,()":]+)`
	case lab.KindInt, lab.KindLength, lab.KindUser, lab.KindDescriptor, lab.KindNumber:
		return `-?[0-9]+`
	case lab.KindRequest:
		return `(?:-?[0-9]+|` + stringPattern + `|[^\s,()"]+)`
	case lab.KindSetting:
		return `(?:-?[0-9]+|[0-9.]+)`
	case lab.KindText, lab.KindPath:
		return stringPattern
	case lab.KindAct:
		return `(?:[^\s(){}\[\],:]+:\s*)?(?:[^\s(){}\[\],=]+\s*=\s*)?[a-z_0-9]+\([^()]*(?:\([^()]*\)[^()]*)*\)`
	case lab.KindFDFlags, lab.KindEvents, lab.KindEpoll, lab.KindRestart:
		return flagsPattern(maskWords[k])
	case lab.KindFamily, lab.KindSockType, lab.KindProtocol:
		return `(?:-?[0-9]+|` + flagsPattern(maskWords[k]) + ")"
	case lab.KindNew:
		return Inner(SocketName)
	case lab.KindSockFlags:
		return `(?:-?[0-9]+|` + flagsPattern(lab.SocketFlags) + ")" // room for an address, of accept
	case lab.KindFlags:
		return flagsPattern(lab.MessageFlags)
	case lab.KindSysctl:
		return "(?:" + strings.Trim(Portable(SysctlSyntax()), "^$") + ")"
	case lab.KindNIC:
		return `(?:` + stringPattern + `|[^\s,()"]+)`
	case lab.KindPrefix:
		return `[0-9A-Fa-f:.]+/[0-9]+`
	}
	if lab.SpecWords[k] != nil {
		return SpecPattern
	}
	return `\S[\s\S]*?`
}

func oneOfPattern(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = regexp.QuoteMeta(w)
	}
	return "(?:" + strings.Join(quoted, "|") + ")"
}

// flagsPattern is some of the words, joined by '|' in any order.
func flagsPattern(words []string) string {
	one := oneOfPattern(words)
	return one + `(?:\|` + one + ")*"
}

// SpecPattern is words of ip(8).
const SpecPattern = `[^\s,()"]+(?:\s+[^\s,()"]+)*`

// examplesOf are arguments to complete a call with, of the kinds that are not one of a few words.
var examplesOf = map[lab.Kind]string{
	lab.KindSock: "a", lab.KindPending: "s", lab.KindNumber: "3", lab.KindProcess: "child",
	lab.KindAddr: "x:80", lab.KindInt: "5", lab.KindLength: "16",
	lab.KindText: `"1"`, lab.KindPath: `"name"`, lab.KindDuration: "100ms", lab.KindSockFlags: lab.SocketFlags[0],
	lab.KindFlags: "MSG_PEEK", lab.KindUser: "1000", lab.KindSysctl: "net.ipv4.tcp_tw_reuse", lab.KindNIC: "eth0",
	lab.KindPrefix: "192.0.2.77/24", lab.KindMessage: `"text"`, lab.KindPart: "pktinfo(x, eth0)", lab.KindBare: "x",
	lab.KindErrno: "ECONNREFUSED", lab.KindRequest: "eth0", lab.KindSetting: "1400",
	lab.KindDescriptor: "-1", lab.KindOption: "SO_REUSEADDR", lab.KindValue: "1",
	lab.KindNew: "b", lab.KindFDFlags: "O_NONBLOCK", lab.KindEvents: "POLLIN|POLLOUT",
	lab.KindEpoll: "EPOLLIN|EPOLLET", lab.KindRestart: "SA_RESTART",
	lab.KindFamily: "inet", lab.KindSockType: "stream", lab.KindProtocol: "0",
	lab.KindRoute: SpecExamples[lab.KindRoute][0], lab.KindRule: SpecExamples[lab.KindRule][0],
	lab.KindLink: "dummy", lab.KindNeighbour: SpecExamples[lab.KindNeighbour][0], lab.KindTarget: "peer.x",
	lab.KindEcho: "peer.x", lab.KindAct: "other: listen(b, 5)",
}

// SpecExamples are what sections of a host have, and steps take.
var SpecExamples = map[lab.Kind][]string{
	lab.KindRoute: {"default via 192.0.2.1", "203.0.113.0/24 via 192.0.2.1 dev eth0 src x metric 100 table 100",
		"blackhole 203.0.113.0/24", "default nexthop via 192.0.2.1 nexthop via 198.51.100.1"},
	lab.KindRule:      {"from x table 100", "fwmark 1 table 100 priority 1000"},
	lab.KindNeighbour: {"192.0.2.1 lladdr 02:00:00:00:00:01 dev eth0"},
	lab.KindNetem:     {"delay 100ms", "delay 10ms loss 5% duplicate 1%", "delay 10ms reorder 25%"},
	lab.KindLink: {"dummy", "vrf table 7", "bridge", "vlan id 5 link eth0", "macvlan link eth0 mode bridge",
		"bond mode active-backup", "vxlan id 42 remote 192.0.2.1 dstport 4789", "wireguard"},
}

// WordsOf returns the words of a kind that takes one of a few, or several joined by '|'; nil for others.
func WordsOf(k lab.Kind) []string {
	switch k {
	case lab.KindSockFlags:
		return lab.SocketFlags
	case lab.KindFlags:
		return lab.MessageFlags
	}
	if words, ok := maskWords[k]; ok {
		return words
	}
	return wordsOf[k]
}

// ValueExamples are values of socket options, one for each kind of value.
var ValueExamples = map[lab.ValueKind]string{
	lab.ValueInt: "1", lab.ValueErrno: "1", lab.ValueLinger: "{l_onoff=1, l_linger=0}", lab.ValueDevice: "eth0",
	lab.ValueIndex: "eth0",
	lab.ValueTime:  "100ms", lab.ValueText: `"reno"`, lab.ValueBytes: "bytes(01 00 00 00)", lab.ValueAny: "1",
	lab.ValueInfo:  "0",
	lab.ValueRange: "40000-40010", lab.ValueMembership: "{233.252.0.1, eth0}", lab.ValueSelector: "index(1)",
}

// KindExamples returns an argument of each kind. Each call made of them is one that Load takes,
// so what an editor puts into a file is never a mistake by itself.
func KindExamples(kinds []lab.Kind) []string {
	args := make([]string, len(kinds))
	for i, k := range kinds {
		args[i] = examplesOf[k]
		if words := wordsOf[k]; words != nil {
			args[i] = words[0]
		}
		if k == lab.KindIoctl && slices.Contains(kinds, lab.KindRequest) { // one that is about a link
			args[i] = "SIOCSIFMTU"
		}
	}
	return args
}

// ExampleOf shows how a call is written.
func ExampleOf(s lab.Signature) string {
	return MadeBy(s, KindExamples(s.Args[:len(s.Args)-s.Optional]))
}

// CallExamples returns calls to complete: one for every word of the first argument
// that is one of a few, and one with every argument that may be left out.
func CallExamples(s lab.Signature) []string {
	all := KindExamples(s.Args)
	args := all[:len(all)-s.Optional]
	examples := []string{}
	at := slices.IndexFunc(s.Args[:len(args)], func(k lab.Kind) bool { return wordsOf[k] != nil })
	if at < 0 {
		examples = append(examples, MadeBy(s, args))
	} else {
		for _, w := range wordsOf[s.Args[at]] {
			one := slices.Clone(args)
			one[at] = w
			examples = append(examples, MadeBy(s, one))
		}
	}
	if s.Optional > 0 {
		examples = append(examples, MadeBy(s, all))
	}
	if s.Long != nil {
		examples = append(examples, MadeBy(s, KindExamples(s.Long)))
	}
	return examples
}

// MadeBy writes a call with these arguments; a socket that it makes is called a.
func MadeBy(s lab.Signature, args []string) string {
	call := s.Name + "(" + strings.Join(args, ", ") + ")"
	if s.Makes && !s.Unnamed {
		return "a = " + call
	}
	return call
}

// FillPattern is a placeholder somewhere in a text.
const FillPattern = `\$\{[^{}]*\}`

// Portable writes a pattern as JavaScript and Python read it too. They have no words in
// common for Unicode's classes of characters: what it lets through beyond the pattern are
// characters that are not seen.
func Portable(re *regexp.Regexp) string {
	return strings.NewReplacer(`\pC`, `\x00-\x1f\x7f-\x9f`, `\pZ`, `\s`).Replace(re.String())
}

// Inner is the pattern of a name without its anchors, to stand inside of another one.
func Inner(r NameRule) string {
	return "(?:" + strings.TrimSuffix(strings.TrimPrefix(Portable(r.Syntax()), "^"), "$") + ")"
}
