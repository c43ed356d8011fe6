package program_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/program"
	"labrun/lab/sys"
)

// TestProgramWrites has a program that writes wherever it may; nothing of that is
// on the machine.
func TestProgramWrites(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kept"), []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	fstab, _ := os.ReadFile("/etc/passwd")
	out := sh(t, program.Spec{Dir: dir}, `
		name=labrun-test-$$
		for d in /etc /usr /var /tmp /run /var/tmp /root /home /opt /dev/shm .; do
			(echo gone >$d/labrun-test-file && echo wrote $d) 2>/dev/null
		done
		test "$(cat kept)" = kept && echo lost >kept && cat kept
		echo gone >>/etc/passwd; rm -rf /etc/group /usr/bin/env; pwd`)
	for _, want := range []string{"wrote /tmp\n", "wrote .\n", "lost\n", shown(dir) + "\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	if os.Getenv(ordinary) == "" {
		for _, want := range []string{"wrote /etc\n", "wrote /usr\n", "wrote /var\n", "wrote /run\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in %q", want, out)
			}
		}
	}
	for _, d := range []string{"/etc", "/usr", "/var", "/tmp", "/run", "/var/tmp", "/root", "/home", "/opt",
		"/dev/shm", dir} {
		if _, err := os.Lstat(d + "/labrun-test-file"); err == nil {
			t.Errorf("the program's file is in %s", d)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "kept")); string(b) != "kept" {
		t.Errorf("the file is now %q, %v", b, err)
	}
	if b, _ := os.ReadFile("/etc/passwd"); string(b) != string(fstab) {
		t.Error("/etc/passwd has changed")
	}
	for _, f := range []string{"/etc/group", "/usr/bin/env"} {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
}

func TestProgramView(t *testing.T) {
	const hosts = "127.0.0.1 localhost\n192.0.2.2 beta peer.x\n"
	out := sh(t, program.Spec{Hosts: hosts, Env: []string{"WORD=hello"}}, `
		cat /etc/hosts; grep -v '^#' /etc/resolv.conf
		getent hosts peer.x | tr -s ' '; hostname; echo $WORD; ls /tmp; ls /run; ls /sys/class/net; ls /proc | grep -c '^[0-9]'
		test -c /dev/null && ls /dev; echo $0 $PWD $PATH; env | grep -c LABRUN; true`)
	want := hosts + "192.0.2.2 beta peer.x\nalpha\nhello\nlock\neth0\nlo\n"
	if !strings.HasPrefix(out, want) {
		t.Errorf("got %q, want %q first", out, want)
	}
	if strings.Contains(out, "vda") || strings.Contains(out, "kmsg") {
		t.Errorf("devices: %s", out)
	}
}

// TestProgramDescriptors has a descriptor that this program's caller left open.
func TestProgramDescriptors(t *testing.T) {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0) // not close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	got := sh(t, program.Spec{}, "for n in $(seq 0 300); do test -e /proc/self/fd/$n && echo -n $n,; done; true")
	if got != "0,1,2," {
		t.Errorf("descriptors %s", got)
	}
}

// TestProgramReach tries what would reach outside the lab.
func TestProgramReach(t *testing.T) {
	before, err := os.Stat("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	out := sh(t, program.Spec{}, `
		for f in connect server; do (echo x >>/usr/local/bin/$f; chmod 600 /usr/local/bin/$f) 2>/dev/null; done
		try() { "$@" >/dev/null 2>&1 && echo "can: $*"; }
		try mount -t tmpfs none /mnt
		try umount /proc/sys
		try mount -o remount,rw /proc/sys
		try mknod /tmp/disk b 254 0
		try chroot /proc/1/root true
		try readlink /proc/1/fd/3
		try cat /proc/1/environ
		try nsenter -t 1 -m true
		try unshare -m true
		try unshare -U true
		try dmesg
		try date -s 2030-01-01
		try sh -c 'echo x >/proc/sysrq-trigger; test -s /proc/sysrq-trigger'
		try sh -c 'echo hacked >/proc/sys/kernel/hostname'
		try sh -c 'echo 1 >/proc/sys/vm/drop_caches'
		try sh -c 'echo 1 >/sys/class/net/lo/mtu'
		try sh -c ': </dev/tty'
		try sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward && grep -q 0 /proc/sys/net/ipv4/ip_forward'
		try ip address add 192.0.2.77/24 dev eth0
		grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status | tr '\t\n' '  '`)
	want := "can: sh -c echo 0 >/proc/sys/net/ipv4/ip_forward && grep -q 0 /proc/sys/net/ipv4/ip_forward\n" +
		"can: ip address add 192.0.2.77/24 dev eth0\n" +
		"CapEff: 00000000000435fb CapBnd: 00000000000435fb NoNewPrivs: 1 "
	if out != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
	after, err := os.Stat("/proc/self/exe")
	if err != nil || after.Size() != before.Size() || after.Mode() != before.Mode() {
		t.Errorf("labrun's own file was %v and is %v, %v", before, after, err)
	}
}

// shown is where a program has its working directory.
func shown(dir string) string {
	if strings.HasPrefix(dir, "/tmp/") || strings.HasPrefix(dir, "/run/") {
		return "/labrun" + dir
	}
	return dir
}

// TestProgramSockets has a socket with a name in a folder of the machine, which
// the program sees, with nobody behind it.
func TestProgramSockets(t *testing.T) {
	dir := t.TempDir()
	ln, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := mustRun(t, program.Spec{Dir: dir}, "connect", "unix", "socket") // see TestMain
	if status := finish(t, r); status != 0 || outputs(r) != "connection refused\n" {
		t.Errorf("exit %d: %s", status, outputs(r))
	}
}

// helper is this program under the name of one of the seed's.
func helper(args []string) int {
	if len(args) != 2 || args[0] != "unix" {
		return 0
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: args[1]})
	}
	fmt.Println(err)
	return 0
}

func TestProgramUser(t *testing.T) {
	user := uint32(33)
	if ok, err := sys.UserExists(user); err != nil || !ok {
		t.Skip("a user namespace has one user")
	}
	got := sh(t, program.Spec{User: &user, Dir: t.TempDir()}, `id -u; id -g; id -G; echo reopened >/dev/stdout; grep CapEff /proc/self/status`)
	if want := "33\n33\n33\nreopened\nCapEff:\t0000000000000000\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
