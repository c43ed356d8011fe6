package program

import (
	"path/filepath"
	"slices"
	"strings"
)

// packages are those of Debian, and mostly of others, that have a program that
// experiments may want.
var packages = map[string]string{
	"curl": "curl", "dnsmasq": "dnsmasq", "ethtool": "ethtool", "haproxy": "haproxy", "iperf3": "iperf3",
	"iptables": "iptables", "lsof": "lsof", "nginx": "nginx", "nmap": "nmap", "perl": "perl", "python3": "python3",
	"ruby": "ruby", "socat": "socat", "strace": "strace", "stunnel": "stunnel4", "tcpdump": "tcpdump",
	"telnet": "telnet", "traceroute": "traceroute", "wget": "wget",

	"ab": "apache2-utils", "apachectl": "apache2", "bridge": "iproute2", "capsh": "libcap2-bin",
	"dig": "bind9-dnsutils", "getcap": "libcap2-bin", "getent": "libc-bin", "host": "bind9-host",
	"ifconfig": "net-tools", "ip": "iproute2", "ip6tables": "iptables", "java": "default-jre-headless",
	"killall": "psmisc", "mosquitto_pub": "mosquitto-clients", "mosquitto_sub": "mosquitto-clients", "named": "bind9",
	"nc": "netcat-openbsd", "netcat": "netcat-openbsd", "netstat": "net-tools", "nft": "nftables", "node": "nodejs",
	"nslookup": "bind9-dnsutils", "nstat": "iproute2", "php": "php-cli", "ping": "iputils-ping",
	"ping6": "iputils-ping", "pkill": "procps", "ps": "procps", "python": "python-is-python3",
	"redis-cli": "redis-tools", "route": "net-tools", "setcap": "libcap2-bin", "setpriv": "util-linux",
	"ss": "iproute2", "ssh": "openssh-client", "sshd": "openssh-server", "sysctl": "procps", "tc": "iproute2",
	"tracepath": "iputils-tracepath", "unshare": "util-linux",
}

// Missing reports whether a program that an experiment runs is not installed on
// this machine, and the package that has it, "" when that is not known: the name
// may be mistyped. A file that is named by its relative path belongs to the
// experiment, and no package has it.
func Missing(argv []string) (pkg string, missing bool) {
	name := argv[0]
	if strings.Contains(name, "/") {
		missing = filepath.IsAbs(name) && !executable(name)
	} else if _, err := lookPath(name, []string{"PATH=" + Path}); err != nil {
		missing = !slices.Contains(SeedPrograms, name)
	}
	if !missing {
		return "", false
	}
	return packages[filepath.Base(name)], true
}
