package fabric

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/plan"
)

// look prints the state of a namespace as ip(8) sees it, one JSON text a line. The
// kernel adds two kinds of IPv6 routes behind the caller's back, and the script does
// not wait for them: to multicast groups, when the link watcher has seen a link's
// carrier, and to an address of the host's own (addrconf_dad_work). They are awaited.
const look = `
until="$(($(date +%s) + 120))"
await() { until "$@"; do test "$(date +%s)" -lt $until || exit 1; done; }
groups() { ip -6 route show table all dev "$1" | grep -q 'ff00::/8'; }
locals() { test "$(ip -6 -o addr | wc -l)" -eq "$(ip -6 route show table local type local | wc -l)"; }
for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do
	test -e "$f" || break
	link=${f%/*} link=${link##*/}
	case $link in all|default|lo) continue; esac
	test "$(cat "$f")" = 1 || await groups "$link"
	await locals
done
ip -j addr
ip -j -d link show type macvlan
ip -j -d link show type vxlan
ip -j route show table all
ip -j -6 route show table all
ip -j rule
ip -j -6 rule
ip -j neighbour show nud permanent
ip -j neighbour show proxy
echo "\"$(cat /proc/sys/net/ipv4/ip_local_reserved_ports)\""
if test -e /proc/sys/net/ipv6; then
	echo "\"$(cat /proc/sys/net/ipv6/conf/all/disable_ipv6)\""
fi
`

// The script that the plan prints and Up build the same lab.
func TestScriptBuildsTheSame(t *testing.T) {
	needNetNS(t)
	for _, program := range []string{"ip", "sysctl", "unshare", "mount"} {
		need(t, program)
	}
	for name, p := range map[string]plan.Plan{"bridges": plan.New(dual(3), "h0", "h2"), "cable": plan.New(cabled(), "h0"),
		"tree":    plan.New(dual(3)).Split(2),
		"routing": plan.New(routed())} {
		t.Run(name, func(t *testing.T) { scriptBuildsTheSame(t, p) })
	}
}

// routed is dual(2) with a route of every kind, and a rule with every word.
func routed() *lab.Layout {
	t := dual(2)
	specs := func(all ...lab.Spec) (list []lab.HostSpec) {
		for _, s := range all {
			list = append(list, lab.HostSpec{Spec: s})
		}
		return list
	}
	h := &t.Hosts[0]
	h.Forwarding = true
	link := func(name string, kind lab.Spec, master string, addresses ...string) {
		n := lab.NIC{Name: name, Type: kind, Master: master}
		for _, a := range addresses {
			n.Addresses = append(n.Addresses, lab.Address{Prefix: netip.MustParsePrefix(a)})
		}
		h.NICs = append(h.NICs, n)
	}
	link("br0", "bridge", "", "192.0.2.129/25", "2001:db8:9::1/64")
	link("i0", "ifb", "br0")
	link("m0", "macvlan link eth0 mode private", "", "10.1.0.77/16")
	link("vx", "vxlan id 42 remote h1.x dstport 4789 dev eth0", "", "10.3.0.1/24", "fd00::1/64")
	h.Neighbours = specs("h1.y lladdr h1.eth1 dev eth1", "2001:db8::99 lladdr 02:00:00:00:00:99 dev eth1",
		"proxy 10.1.0.99 dev eth0")
	h.Routes = specs("default via h1.x metric 100 src x mtu 1400 advmss 1300 initcwnd 20", "default dev eth1 metric 200",
		"::/0 via h1.y6", "-6 2001:db8:1::/48 dev eth1 metric 7", "blackhole 203.0.113.0/24", "unreachable 203.0.114.0/24",
		"prohibit 2001:db8:2::/48", "throw 203.0.115.0/24 table 100", "local 192.0.2.9 dev lo",
		"192.0.2.0/24 nexthop via h1.x weight 3 nexthop via h1.y dev eth1", "198.51.100.7 via 10.9.9.9 dev eth0 onlink",
		"198.51.100.0/24 dev eth1 scope link table 100", "2001:db8:3::/48 via h1.y6 table 7",
		"198.51.101.0/24 via h1.y6 dev eth1")
	h.Rules = specs("from x table 100 priority 1000", "to 198.51.100.0/24 iif eth0 table 100 priority 1001",
		"not fwmark 0x10/0xff oif eth1 table 7 priority 1002", "ipproto tcp sport 1024-2047 dport 80 table 7 priority 1003",
		"uidrange 1000-1999 prohibit priority 1004", "table main suppress_prefixlength 0 priority 1005",
		"-6 fwmark 7 table 7 priority 1006", "from y6 unreachable priority 1007", "from default blackhole")
	return t
}

func scriptBuildsTheSame(t *testing.T, p plan.Plan) {
	l := mustUp(t, p)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "plan.sh"), []byte(p.Script()), 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "look.sh"), []byte(look), 0o666))

	// Names in /run/netns would be seen by all: a mount namespace keeps them in.
	var run strings.Builder
	run.WriteString("set -eu; mount -t tmpfs none /run; sh plan.sh >&2\n")
	var spaces, hosts []string
	for _, o := range p.Ops {
		if o, ok := o.(plan.AddNamespace); ok {
			spaces, hosts = append(spaces, o.NS), append(hosts, o.Host)
			fmt.Fprintf(&run, "ip netns exec %s sh look.sh; echo ---\n", o.NS)
		}
	}
	run.WriteString("sh -s down <plan.sh >&2; ip netns\n")
	cmd := exec.Command("unshare", "-mn", "sh", "-c", run.String())
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("the script complains: %s", stderr.String())
	}
	built := strings.Split(string(out), "---\n")
	if last := built[len(built)-1]; last != "" || len(built) != len(spaces)+1 {
		t.Fatalf("after down there still is: %s", last)
	}
	if x, _, _ := addresses(0); !strings.Contains(built[1], x.String()) {
		t.Fatalf("host h0 has no %s: %s", x, built[1])
	}
	for i, h := range hosts {
		var seen []byte
		namespace := l.hosts[h]
		if h == "" {
			namespace = l.fabric
		}
		must(t, namespace.Do(func() (err error) {
			seen, err = exec.Command("sh", filepath.Join(dir, "look.sh")).Output()
			return err
		}))
		if diff := cmp.Diff(facts(t, built[i]), facts(t, string(seen))); diff != "" {
			t.Errorf("namespace %s: -script +Up:\n%s", spaces[i], diff)
		}
	}
}

// facts reads what look prints and leaves out what depends on the order of
// unrelated events: numbers of links, whether the news of a carrier is out, and which
// of two routes came first.
func facts(t *testing.T, text string) []any {
	t.Helper()
	var all []any
	for line := range strings.Lines(text) {
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list, _ := v.([]any)
		for _, e := range list {
			if m, ok := e.(map[string]any); ok {
				for _, k := range []string{"ifindex", "link_index", "link_netnsid", "operstate", "flags"} {
					delete(m, k)
				}
			}
		}
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) // fmt sorts a map's keys
		all = append(all, v)
	}
	return all
}
