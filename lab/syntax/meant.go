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

// callsElsewhere are calls by names that they do not have here.
var callsElsewhere = map[string]string{
	"read":         "recv",
	"write":        "send",
	"accept4":      "accept",
	"closesocket":  "close",
	"poll":         "who",
	"select":       "who",
	"epoll_wait":   "who",
	"usleep":       "sleep",
	"nanosleep":    "sleep",
	"clone":        "fork",
	"vfork":        "fork",
	"execve":       "exec",
	"_exit":        "exit",
	"exit_group":   "exit",
	"waitpid":      "wait",
	"wait4":        "wait",
	"setuid":       "seteuid",
	"netstat":      "sockets",
	"ss":           "sockets",
	"memfd_create": "file",
	"open":         "file",
}

// callHint ends a complaint about a call that there is not.
func callHint(found string) string {
	if found == "run" {
		return `; a program is a step of its own kind: {run: "ls -l"}`
	}
	if meant := callsElsewhere[strings.ToLower(found)]; meant != "" {
		return fmt.Sprintf(", did you mean %q?", meant)
	}
	return wording.Hint(found, "calls", CallNames())
}

// notCall ends a complaint about a text that is not a call at all.
func notCall(text string) string {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return ""
	}
	if _, step, ok := strings.Cut(text, " "); ok && strings.Contains(step, "(") && len(Parse(step).Mistakes) == 0 {
		return "; write " + wording.Clip(step) // let a = socket(tcp)
	}
	switch first := strings.TrimSuffix(fields[0], ";"); {
	case slices.Contains(CallNames(), first) && (len(fields) == 1 || !strings.Contains(text, "=")):
		sig, _ := lab.SignatureOf(first)
		return "; the arguments are in parentheses: " + ExampleOf(sig)
	case len(fields) > 1 && !strings.ContainsAny(text, "(=") || first == "sysctl":
		return "; a program is {run: " + wording.YAML(wording.Clip(text)) + "}"
	}
	return ""
}

// outcomes are what answers are called elsewhere.
var outcomes = map[string]string{
	"0":        "ok",
	"success":  "ok",
	"true":     "ok",
	"yes":      "ok",
	"pass":     "ok",
	"passed":   "ok",
	"succeeds": "ok",
	"works":    "ok",
	"none":     "ok",
	"null":     "ok",
	"timeout":  "blocked",
	"hangs":    "blocked",
	"blocks":   "blocked",
	"block":    "blocked",
	"waits":    "blocked",
	"wait":     "blocked",
	"*":        "?",
	"any":      "?",
	"anything": "?",
	"unknown":  "?",
	// strerror(3)
	"address already in use":                  "EADDRINUSE",
	"in use":                                  "EADDRINUSE",
	"cannot assign requested address":         "EADDRNOTAVAIL",
	"connection refused":                      "ECONNREFUSED",
	"refused":                                 "ECONNREFUSED",
	"connection reset by peer":                "ECONNRESET",
	"connection reset":                        "ECONNRESET",
	"connection timed out":                    "ETIMEDOUT",
	"timed out":                               "ETIMEDOUT",
	"permission denied":                       "EACCES",
	"operation not permitted":                 "EPERM",
	"invalid argument":                        "EINVAL",
	"no route to host":                        "EHOSTUNREACH",
	"network is unreachable":                  "ENETUNREACH",
	"broken pipe":                             "EPIPE",
	"transport endpoint is already connected": "EISCONN",
	"transport endpoint is not connected":     "ENOTCONN",
	"bad file descriptor":                     "EBADF",
	"operation already in progress":           "EALREADY",
	"operation now in progress":               "EINPROGRESS",
	"resource temporarily unavailable":        "EAGAIN",
}

// errnoWithin finds the errno in "-1 EADDRINUSE (Address already in use)", "-EADDRINUSE" and "eaddrinuse".
var errnoWithin = once.Regexp(`(?i)^(?:1\s+)?(E[A-Z0-9]+)(?:\s*\(.*)?$`)

// meantAnswer returns the answer that a text which is none was meant to be, "" when that is
// not to be seen.
func meantAnswer(text string) string {
	text = strings.Trim(text, "\"'` ;>-=")
	if m := errnoWithin().FindStringSubmatch(text); m != nil {
		if name, ok := lab.CanonicalErrno(strings.ToUpper(m[1])); ok {
			return name
		}
	}
	text = strings.ToLower(text)
	if text == "ok" {
		return "ok"
	}
	return outcomes[text]
}

// answerHint ends a complaint about an answer.
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

// meantWord returns the word that was meant, by another name: "tcp", reuseaddr, WR, 9.
func meantWord(noun, found string, words []string) string {
	found = strings.Trim(found, `"`)
	if noun == "signal" {
		// signal(7), in the order of lab.Signals
		if i := slices.Index([]string{"1", "2", "3", "9", "10", "12", "15", "28"}, found); i >= 0 {
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

// strange says what to do about a character of a step that no step has, or only in quotes.
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

// ExampleOf shows how a call is written.
func ExampleOf(sig lab.Signature) string {
	words := map[lab.Kind]string{
		lab.KindSock: "a", lab.KindProcess: "child", lab.KindAddr: "x:80", lab.KindInt: "5", lab.KindText: `"text"`,
		lab.KindPath:     `"name"`,
		lab.KindDuration: "100ms", lab.KindType: "tcp", lab.KindHow: "SHUT_WR", lab.KindFcntl: "F_SETFD",
		lab.KindFDFlags: "FD_CLOEXEC",
		lab.KindUser:    "1000", lab.KindOption: "SO_REUSEADDR", lab.KindValue: "1",
		lab.KindSysctl: "net.ipv4.tcp_tw_reuse",
		lab.KindNIC:    "eth0", lab.KindLink: "dummy", lab.KindPrefix: "192.0.2.77/24", lab.KindDescriptor: "-1",
	}
	var args []string
	for _, k := range sig.Args[:len(sig.Args)-sig.Optional] {
		args = append(args, words[k])
	}
	call := sig.Name + "(" + strings.Join(args, ", ") + ")"
	if sig.Makes {
		return "a = " + call
	}
	return call
}
