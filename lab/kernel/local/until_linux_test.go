package local

import (
	"os"
	"regexp"
	"testing"

	"labrun/lab"
)

// TestUntilIsOver makes no call again that has waited beyond the end of its step's time.
func TestUntilIsOver(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, `experiments: {e: {steps: [a = socket(tcp), {main: "connect(a, 192.0.2.99:80)", until: 1s}]}}`)
	kept, answer := Keep(t.Context(), mustAsk(t, top), 0, lab.Kernel{Version: running})
	if kept == nil {
		t.Fatal(answer)
	}
	defer kept.Close()
	if last := answer.Got[len(answer.Got)-1]; last != "EHOSTUNREACH" {
		t.Errorf("connect = %s", last)
	}
	var snmp []byte
	err := kept.Host("alpha").Do(func() (err error) {
		snmp, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens
	m := regexp.MustCompile(`(?m)^Tcp: \d+ \d+ \d+ -?\d+ (\d+) `).FindSubmatch(snmp)
	if m == nil || string(m[1]) != "1" {
		t.Errorf("connect was called %q times, want once", m)
	}
}
