package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"labrun/lab"
	"labrun/lab/plan"
)

// childEnv names the function of children that the test binary is to run
// instead of its tests.
const childEnv = "LABRUN_FABRIC_CHILD"

// The main thread is not for labs: it cannot be thrown away. One child leaves
// it free, to show that Do never uses it even so.
func init() {
	if os.Getenv(childEnv) != "free-main-thread" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if f := os.Getenv(childEnv); f != "" {
		if err := children[f](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Somebody who is not root gets namespaces for the tests in a user namespace.
	if errors.Is(Probe(), fs.ErrPermission) {
		if status, err := ReexecInUserNS(false); err == nil {
			os.Exit(status)
		}
	}
	os.Exit(m.Run())
}

// child runs a function of children in a process of its own and returns what
// it prints.
func child(t *testing.T, name string, attr *syscall.SysProcAttr) string {
	t.Helper()
	for _, path := range descriptors(t) { // what our caller has left open is not for a child with few
		number, _, _ := strings.Cut(path, " ")
		if fd, err := strconv.Atoi(number); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if errors.Is(err, fs.ErrPermission) && cmd.Process == nil {
		t.Skipf("no namespace for a child process here: %v", err)
	}
	if err != nil {
		t.Fatalf("child %s: %v\n%s", name, err, out)
	}
	return string(out)
}

func needNetNS(t testing.TB) {
	t.Helper()
	err := Probe()
	switch {
	case err == nil:
	case os.Getenv("LABRUN_NETNS") == "required":
		t.Fatalf("%v, and LABRUN_NETNS=required", err)
	case errors.Is(err, fs.ErrPermission):
		t.Skipf("%v; try: unshare -Urn go test ./lab/fabric", err)
	default:
		t.Skip(err)
	}
}

// need skips the test when a program is not there.
func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("LABRUN_NETNS") == "required" {
		t.Fatalf("no program %s, and LABRUN_NETNS=required", program)
	}
	t.Skipf("no program %s", program)
}

// dual is n hosts on two networks:
//
//	h0:eth0 <-> red <-> h1:eth0 ...     x, IPv4
//	h0:eth1 <-> blue <-> h1:eth1 ...    y and y6, IPv4 and IPv6
func dual(n int) *lab.Layout {
	t := &lab.Layout{Name: "dual", Networks: []lab.Network{{Name: "red"}, {Name: "blue"}}}
	for i := range n {
		x, y, y6 := addresses(i)
		t.Hosts = append(t.Hosts, lab.Host{Name: fmt.Sprintf("h%d", i), NICs: []lab.NIC{
			{Name: "eth0", Network: "red", Addresses: []lab.Address{{Prefix: netip.PrefixFrom(x, 16), Alias: "x"}}},
			{Name: "eth1", Network: "blue", Addresses: []lab.Address{
				{Prefix: netip.PrefixFrom(y, 16), Alias: "y"},
				{Prefix: netip.PrefixFrom(y6, 64), Alias: "y6"},
			}},
		}})
	}
	return t
}

// addresses returns x, y and y6 of the host at index i of dual.
func addresses(i int) (x, y, y6 netip.Addr) {
	hi, lo := byte((i+1)>>8), byte(i+1)
	return netip.AddrFrom4([4]byte{10, 1, hi, lo}), netip.AddrFrom4([4]byte{10, 2, hi, lo}),
		netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: hi, 15: lo})
}

func mustUp(t testing.TB, p plan.Plan) *Lab {
	t.Helper()
	l, err := Up(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// network describes the calling thread's namespace: its links, addresses and
// routes, without counters.
func network(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"dev", "fib_trie", "if_inet6", "ipv6_route"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			switch f := strings.Fields(line); {
			case name == "dev":
				line = f[0] + "\n"
			case name == "ipv6_route" && len(f) == 10:
				line = fmt.Sprintln(f[:6], f[8:]) // between them: references, use
			}
			b.WriteString(line)
		}
	}
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + link
}

// descriptors lists what the process has open.
func descriptors(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, p := range paths {
		if to, err := os.Readlink(p); err == nil && !strings.Contains(to, "/proc/") {
			open = append(open, filepath.Base(p)+" "+to)
		}
	}
	return open
}

func threads(t testing.TB) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}
