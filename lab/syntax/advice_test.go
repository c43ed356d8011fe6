package syntax

import (
	"strings"
	"testing"
)

// TestAdvice: a complaint says what was meant, where that can be told.
func TestAdvice(t *testing.T) {
	for line, want := range map[string]string{
		`recvmsg(a, MSG_ERRQUEUE) = "x"`:          `: flags stand behind the room, such as 100, MSG_ERRQUEUE`,
		`connect(a, x:$p+70000)`:                  `65535 is the most`,
		`signals() = SIGUSR1 SIGPIPE`:             `joined by |: SIGUSR1|SIGPIPE`,
		`poll(a) = EPOLLIN`:                       `did you mean "POLLIN"?`,
		`recvmsg(a, 100) = "x" with ttl(5) none`:  `"none" says that nothing came along, and stands alone`,
		`together(listen(a, 5))`:                  `together takes at least 2 arguments: a call, of another process as NAME: CALL ...; found 1`,
		`getsockopt(a, 6:5) = 1`:                  `, write SOL_TCP:5`,
		`getsockopt(a, 77:1) = 1`:                 `; no level has the number 77; levels: SOL_DCCP, `,
		`setsockopt(a, SO_REUSEADDR, EADDRINUSE)`: `is not a whole number`,
	} {
		if _, _, err := ParseStep(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}
