package lab

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestNearSysctl(t *testing.T) {
	for name, want := range map[string]string{
		"net.ipv4.ip_forwad":                "net.ipv4.ip_forward",
		"net.ipv6.ip_forward":               "net.ipv4.ip_forward",
		"net.ipv4.tcp_timestamp":            "net.ipv4.tcp_timestamps",
		"net.ipv4.tcp_keepalive_interval":   "net.ipv4.tcp_keepalive_intvl",
		"net.ipv4.somaxconn":                "net.core.somaxconn",
		"net.core.tcp_rmem":                 "net.ipv4.tcp_rmem",
		"net.ipv4.rp_filter":                "net.ipv4.conf.NIC.rp_filter",
		"net.ipv4.conf.eth0.rp_fliter":      "net.ipv4.conf.eth0.rp_filter",
		"net.ipv6.conf.all.disable_ipv4":    "net.ipv6.conf.all.disable_ipv6",
		"net.ipv4.conf.eth0/5.arp_ignroe":   "net.ipv4.conf.eth0/5.arp_ignore",
		"net.ipv6.conf.eth0.rp_filter":      "net.ipv4.conf.eth0.rp_filter",
		"net.ipv4.ip_forward":               "",
		"net.ipv4.conf.default.rp_filter":   "",
		"net.ipv4.neigh.default.gc_thresh1": "",
		"net.ipv4.tcp_tw_recycle":           "", // until Linux 4.12
		"net.ipv4.no_such":                  "",
		"net.none":                          "",
		"net.rds.enabled":                   "", // of a module that labrun does not know
		"net":                               "",
		"":                                  "",
	} {
		if got := NearSysctl(name); got != want {
			t.Errorf("NearSysctl(%q) = %q, want %q", name, got, want)
		}
	}
}

// A parameter that a host has is never taken for another one.
func TestKnowsParameters(t *testing.T) {
	text, err := os.ReadFile("fabric/testdata/parameters-6.18.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for line := range strings.Lines(string(text)) {
		if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "net.") {
			names++
			if near := NearSysctl(name); near != "" {
				t.Errorf("%s is taken for %s", name, near)
			}
		}
	}
	if names < 700 {
		t.Errorf("the list has %d parameters", names)
	}
	for i, p := range parameters() {
		if slices.Index(parameters(), p) != i {
			t.Errorf("%s is there twice", p)
		}
	}
}
