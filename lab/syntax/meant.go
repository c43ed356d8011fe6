package syntax

import (
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// What people write who come from C, Python, netstat or another tool, and what that is here.
// Every row is a mistake that was made. They end complaints and are never read as what was meant:
// "timeout", say, may be the answer ETIMEDOUT as well as a step that is blocked.

// callsElsewhere are the names that calls have elsewhere.
var callsElsewhere = map[string][]string{
	"recv":    {"read"},
	"send":    {"write"},
	"accept":  {"accept4"},
	"close":   {"closesocket"},
	"who":     {"poll", "select", "epoll_wait"},
	"sleep":   {"usleep", "nanosleep"},
	"fork":    {"clone", "vfork"},
	"exec":    {"execve"},
	"exit":    {"_exit", "exit_group"},
	"wait":    {"waitpid", "wait4"},
	"seteuid": {"setuid"},
	"sockets": {"netstat", "ss"},
	"file":    {"memfd_create", "open"},
}

// callHint ends a complaint about a call that there is not.
func callHint(found string) string {
	if found == "run" {
		return `; a program is a step of its own kind: {run: "ls -l"}`
	}
	if meant := wording.Synonym(callsElsewhere, strings.ToLower(found)); meant != "" {
		return fmt.Sprintf(", did you mean %q?", meant)
	}
	hint := wording.Hint(found, "calls", CallNames())
	if strings.HasSuffix(hint, " more") {
		hint += `, "labrun help calls" has all`
	}
	return hint
}

// outcomes are what answers are called elsewhere; errnos by the words of strerror(3), which
// programs print, and what is left of them in a report.
var outcomes = map[string][]string{
	"ok":            {"0", "ok", "success", "true", "yes", "pass", "passed", "succeeds", "works", "none", "null"},
	"blocked":       {"timeout", "hangs", "blocks", "block", "waits", "wait"},
	"?":             {"*", "any", "anything", "unknown"},
	"EADDRINUSE":    {"address already in use", "in use"},
	"EADDRNOTAVAIL": {"cannot assign requested address"},
	"ECONNREFUSED":  {"connection refused", "refused"},
	"ECONNRESET":    {"connection reset by peer", "connection reset"},
	"ETIMEDOUT":     {"connection timed out", "timed out"},
	"EACCES":        {"permission denied"},
	"EPERM":         {"operation not permitted"},
	"EINVAL":        {"invalid argument"},
	"EHOSTUNREACH":  {"no route to host"},
	"ENETUNREACH":   {"network is unreachable"},
	"EPIPE":         {"broken pipe"},
	"EISCONN":       {"transport endpoint is already connected"},
	"ENOTCONN":      {"transport endpoint is not connected"},
	"EBADF":         {"bad file descriptor"},
	"EALREADY":      {"operation already in progress"},
	"EINPROGRESS":   {"operation now in progress"},
	"EAGAIN":        {"resource temporarily unavailable"},
}

// errnoWithin finds the errno in "-1 EADDRINUSE (Address already in use)", "-EADDRINUSE" and "eaddrinuse".
var errnoWithin = once.Regexp(`(?i)^(?:1\s+)?(E[A-Z0-9]+)(?:\s*\(.*)?$`)

// meantAnswer returns the answer that a text which is none was meant to be, "" when that is
// not to be seen. Only an errno that lab knows counts, so that no other word with an E in front
// is proposed.
func meantAnswer(text string) string {
	text = strings.Trim(text, "\"'` ;>-=")
	if m := errnoWithin().FindStringSubmatch(text); m != nil {
		if name, ok := lab.CanonicalErrno(strings.ToUpper(m[1])); ok {
			return name
		}
	}
	return wording.Synonym(outcomes, strings.ToLower(text))
}

// answerHint ends a complaint about an answer: with the one that was meant, or with how an answer
// is written that depends on the kernel, which people put behind the answer without brackets.
func answerHint(text string) string {
	if meant := meantAnswer(text); meant != "" {
		return ", write " + meant
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '|' || r == '/' })
	switch {
	case text == "-1", slices.Contains([]string{"fail", "fails", "failed", "error", "ko"}, strings.ToLower(text)):
		return "; write the errno, such as EADDRINUSE"
	case slices.Contains(fields, "on") && !strings.Contains(text, "["):
		return "; what holds under a condition stands in brackets behind what holds else: ok [EADDRINUSE on linux < 6.2]"
	case len(fields) > 1 && meantAnswer(fields[0]) != "" && meantAnswer(fields[len(fields)-1]) != "":
		return "; write the one that is expected, or ? for any, or which holds when: ok [EADDRINUSE on linux < 6.2]"
	}
	return ""
}

// meantWord returns the word that was meant, by another name: "tcp", reuseaddr, WR, 9. Numbers are
// those of signal(7) and of shutdown(2), which programs use in the place of their names.
func meantWord(noun, found string, words []string) string {
	found = strings.Trim(found, `"`)
	if noun == "signal" {
		// signal(7), in the order of lab.Signals
		if i := slices.Index([]string{"1", "2", "3", "9", "10", "12", "13", "15", "28"}, found); i >= 0 {
			return words[i]
		}
	}
	if noun == "direction" && len(found) == 1 && strings.Contains("012", found) {
		return words[found[0]-'0']
	}
	for _, prefix := range []string{"", "SO_", "SHUT_", "SIG", "SOCK_", "TCP_", "IP_"} {
		for _, w := range words {
			if strings.EqualFold(w, prefix+found) {
				return w
			}
		}
	}
	return ""
}

// strange says what to do about a character of a step that no step has, or only in quotes. Most
// come from editors and chat programs, which turn quotes and minus signs into others that look
// alike; those that are not seen at all would leave an author helpless.
func strange(text string, i, size int) string {
	before, after := strings.TrimRight(text[:i], " "), text[i+size:]
	switch c := text[i : i+size]; {
	case c == ";" && strings.TrimSpace(after) == "":
		return "a step has no semicolon at its end"
	case c == ";" && strings.Count(before, "(") == strings.Count(before, ")"):
		return "one call in a step: what follows the semicolon is a step of its own"
	case c == "*" && strings.HasPrefix(after, ":"):
		return `"*" is not an address; every address of the host is any`
	case c == "*" && strings.HasSuffix(before, ":"):
		return "a port is a number, or $p to keep the one that the kernel chose"
	case c == "*" && strings.HasSuffix(before, "="):
		return `any answer is "?" here`
	case c == "*" && strings.HasSuffix(before, "/") || c == "#":
		return `a comment begins with "#" and a blank before it, outside of quotes`
	case c == "!":
		return "an answer is written \"= EADDRINUSE\", and \"= ?\" when any will do"
	case strings.Contains("“”„‟«»", c):
		return "strings have straight double quotes, \", not " + c
	case strings.Contains("'`‘’‚‛", c):
		return "strings have double quotes"
	case strings.Contains("–—−‐‑", c):
		return fmt.Sprintf("this is not the minus of a keyboard (-) but %U", []rune(c)[0])
	case strings.Contains("\u200b\u200c\u200d\u2060\u00ad", c):
		return fmt.Sprintf("there is a character here that is not seen, %U; delete it", []rune(c)[0])
	case []rune(c)[0] >= 0xff01 && []rune(c)[0] <= 0xff5e: // the full-width forms of ASCII's characters
		return fmt.Sprintf("this is a full-width %s, write %c", wording.Quote(c), []rune(c)[0]-0xfee0)
	default:
		return "unexpected character " + wording.Quote(c)
	}
}
