package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

const talk = `name: talk
networks: {red: 192.0.2.0/24, blue: {subnet: 198.51.100.0/24, subnet6: 2001:db8:b::/64}}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
  beta:  {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
experiments:
  talk:
    hosts: [alpha]
    axes:
      over:
        red: [a = socket(tcp), "connect(a, peer.x:80)"]
        blue: [a = socket(tcp), "connect(a, peer.y:80)"]
        six: [a = socket(tcp6), "connect(a, peer.y6:80)"]
    steps:
      - peer/web: [w = socket(tcp6), "bind(w, any6:80)", "listen(w, 5)"]
      - ${over}
      - send(a, "hello")
      - peer/web: [c = accept(w), 'recv(c) = "hello"']
  self:
    hosts: [alpha]
    steps: [a = socket(udp), "bind(a, x:53)", b = socket(udp), 'sendto(b, "hello", x:53)', 'recv(a) = "hello"']
`

// mustRead returns what a program of Wireshark's prints. It is a failure when it is
// not installed and LABRUN_NETNS=required.
func mustRead(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		if os.Getenv("LABRUN_NETNS") == "required" {
			t.Fatalf("LABRUN_NETNS=required: %v", err)
		}
		t.Skipf("%v; on Debian it is in the package tshark", err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TZ=UTC") // no preferences of anybody's
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", lab.Command(args...), err, stderr.String())
	}
	return string(out)
}

// TestTsharkReadsCaptures has tshark say what is in captures: connections from the
// first packet on, each packet with the NIC that sent it, checksums that are right,
// and names.
func TestTsharkReadsCaptures(t *testing.T) {
	needNetNS(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "talk.yaml"), talk)
	cmd := labrun(t, "--capture", "pcap", "talk.yaml")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file := func(cell, network string) string { return filepath.Join(dir, "pcap", cell, network+".pcapng") }
	fields := func(file, filter string, fields ...string) []string {
		args := []string{"tshark", "-r", file, "-N", "n", "-o", "tcp.check_checksum:TRUE", "-o",
			"udp.check_checksum:TRUE",
			"-Y", filter, "-T", "fields", "-E", "separator=/s"}
		for _, f := range fields {
			args = append(args, "-e", f)
		}
		return strings.Split(strings.TrimSuffix(mustRead(t, args...), "\n"), "\n")
	}
	for _, c := range []struct{ over, network, nic, from, to, ip string }{
		{"red", "red", "eth0", "alpha.x", "beta.x", "ip"},
		{"blue", "blue", "eth1", "alpha.y", "beta.y", "ip"},
		{"six", "blue", "eth1", "alpha.y6", "beta.y6", "ipv6"},
	} {
		f := file("talk,over="+c.over+"@alpha", c.network)
		got := fields(f, "tcp", "frame.interface_name", c.ip+".src_host", c.ip+".dst_host", "tcp.flags", "tcp.len")
		for i := range got {
			// versions write it with more or less of them
			got[i] = regexp.MustCompile(` 0x0*`).ReplaceAllString(got[i], " ")
		}
		there, back := "alpha/"+c.nic+" "+c.from+" "+c.to, "beta/"+c.nic+" "+c.to+" "+c.from
		want := []string{there + " 2 0", back + " 12 0", there + " 10 0", there + " 18 5"} // SYN, SYN ACK, ACK, "hello"
		if diff := cmp.Diff(want, got[:min(4, len(got))]); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", f, diff)
		}
		if good := fields(f, "tcp.checksum.status == 1", "frame.number"); len(good) != len(got) {
			t.Errorf("%s: %d checksums of %d are good", f, len(good), len(got))
		}
	}
	got := fields(file("self@alpha", "lo"), "udp.checksum.status == 1", "frame.interface_name",
		"frame.interface_description", "udp.length")
	if diff := cmp.Diff([]string{"alpha/lo what never leaves alpha 13"}, got); diff != "" {
		t.Error(diff)
	}
	if got := fields(file("self@alpha", "red"), "udp", "frame.number"); got[0] != "" {
		t.Errorf("what alpha tells itself is on red: %q", got)
	}

	about := mustRead(t, "capinfos", file("talk,over=red@alpha", "blue"))
	for _, want := range []string{
		`File type: +.*pcapng`, `precision: +nanoseconds`,
		`Capture hardware: +\S`, `Capture oper-sys: +Linux \d`, `Capture application: +labrun `,
		`Capture comment: +topology talk, experiment talk\[over=red\], host alpha$`,
		`Name = alpha/eth1$`, `Description = 198\.51\.100\.1/24 \(y\), 2001:db8:b::1/64 \(y6\)$`, `Name = beta/eth1$`,
		`stat entries = 1$`,
	} {
		if !regexp.MustCompile(`(?m)` + want).MatchString(about) {
			t.Errorf("no %s in:\n%s", want, about)
		}
	}
}
