package program_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/program"
)

// attributes is what a program might change of a file without writing to it.
func attributes(t *testing.T, path string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("mode %o, owner %d:%d, changed at %d.%09d", st.Mode, st.Uid, st.Gid, st.Ctim.Sec, st.Ctim.Nsec)
}

// TestProgramDevices would change the machine's device nodes and its /proc, to
// what they are, in case it can.
func TestProgramDevices(t *testing.T) {
	files := []string{
		"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
		"/proc/kmsg", "/proc/kallsyms", "/proc/meminfo", "/proc/version",
	}
	before := map[string]string{}
	for _, f := range files {
		before[f] = attributes(t, f)
	}
	out := sh(t, program.Spec{}, `
		for f in `+strings.Join(files, " ")+` /proc/self/fd/0; do
			mode=$(stat -L -c %a $f 2>/dev/null) || continue
			chmod $mode $f 2>/dev/null && echo "can: chmod $f"
			chown 0:0 $f 2>/dev/null && echo "can: chown $f"
			touch -r $f $f 2>/dev/null && echo "can: touch $f"
		done
		echo x >/dev/null && echo x >>/dev/zero && head -c 3 /dev/urandom | wc -c; cat; echo reopened >/proc/self/fd/1`)
	if want := "3\nreopened\n"; out != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
	for _, f := range files {
		if now := attributes(t, f); now != before[f] {
			t.Errorf("%s: %s; was %s", f, now, before[f])
		}
	}
}

// TestProgramSharedSysctls would set what all hosts and the machine share.
func TestProgramSharedSysctls(t *testing.T) {
	found := false
	for _, name := range fabric.SharedSysctls() {
		path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
		if _, err := os.Stat(path); err != nil {
			continue
		}
		found = true
		out := sh(t, program.Spec{Shared: fabric.SharedSysctls()}, fmt.Sprintf("test -e %[1]s || echo none; v=$(cat %[1]s); (echo $v >%[1]s) 2>/dev/null && echo set; true", path))
		if strings.Contains(out, "set") {
			t.Errorf("a program can set %s", name)
		}
	}
	if !found {
		t.Skip("this kernel has none")
	}
}

// TestProgramOwnFile has programs that are labrun itself, by the names under which
// they find it, and would change its file to what it is.
func TestProgramOwnFile(t *testing.T) {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	before := attributes(t, exe)
	dir := t.TempDir()
	script := filepath.Join(dir, ownFile)
	if err := os.WriteFile(script, []byte("#!/proc/self/exe\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"/proc/self/exe", ownFile}, {script}, {"connect", ownFile}} {
		r := mustRun(t, program.Spec{Dir: dir}, argv...)
		if status := finish(t, r); status != 0 || !strings.Contains(outputs(r), "own file: ") {
			t.Errorf("%q: exit %d: %s", argv, status, outputs(r))
		}
	}
	if now := attributes(t, exe); now != before {
		t.Errorf("%s: %s; was %s", exe, now, before)
	}
}

// TestProgramCalls has a program that makes the calls which lead out of its view.
func TestProgramCalls(t *testing.T) {
	const want = "keyctl: operation not permitted\nadd_key: operation not permitted\nrequest_key: operation not permitted\n" +
		"bpf: operation not permitted\nio_uring: operation not permitted\n" +
		"families: [1 2 10 16 17]\nothers: address family not supported by protocol\npairs: [1]\n"
	r := mustRun(t, program.Spec{}, "connect", reachingCalls)
	if status := finish(t, r); status != 0 || outputs(r) != want {
		t.Errorf("exit %d: got\n%s\nwant\n%s", status, outputs(r), want)
	}
}

// reachingCalls is the argument of this program that has it make them.
const reachingCalls = "reaching-calls"

func makeReachingCalls() {
	_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, false)
	fmt.Println("keyctl:", err)
	_, err = unix.AddKey("user", "labrun-test", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
	fmt.Println("add_key:", err)
	_, err = unix.RequestKey("user", "labrun-test", "", unix.KEY_SPEC_PROCESS_KEYRING)
	fmt.Println("request_key:", err)
	_, _, errno := unix.Syscall(unix.SYS_BPF, 0, 0, 0)
	fmt.Println("bpf:", errno)
	_, _, errno = unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
	fmt.Println("io_uring:", errno)
	var families, pairs []int
	others := map[error]bool{}
	for family := range 64 {
		kind := unix.SOCK_DGRAM
		if fd, err := unix.Socket(family, kind, 0); err == nil {
			families = append(families, family)
			unix.Close(fd)
		} else {
			others[err] = true
		}
		if fds, err := unix.Socketpair(family, kind, 0); err == nil {
			pairs = append(pairs, family)
			unix.Close(fds[0])
			unix.Close(fds[1])
		}
	}
	fmt.Println("families:", families)
	for err := range others {
		fmt.Println("others:", err)
	}
	fmt.Println("pairs:", pairs)
}

// TestProgramResources would take more than its share of the machine.
func TestProgramResources(t *testing.T) {
	const pidMax, shmAll = "/proc/sys/kernel/pid_max", "/proc/sys/kernel/shmall"
	before := map[string]string{}
	for _, f := range []string{pidMax, shmAll} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		before[f] = string(b)
	}
	out := sh(t, program.Spec{}, `
		for d in /tmp /run /dev /dev/shm /etc; do
			dd if=/dev/zero of=$d/file bs=1M count=300 2>/dev/null; echo $d $(($(stat -c %s $d/file) >> 20)); rm $d/file
			test $(stat -f -c %c $d) -le 70000 || echo $d: files $(stat -f -c %c $d)
		done
		grep -E '^Max (data|file size|core|locked|msg)' /proc/self/limits | tr -s ' '`)
	want := `^/tmp 16
/run 16
/dev 1
/dev/shm 16
/etc 2\d\d
Max file size \d{1,10} \d{1,10} bytes 
Max data size \d{1,10} \d{1,10} bytes 
Max core file size 1 1 bytes 
Max locked memory \d{1,7} \d{1,7} bytes 
Max msgqueue size \d{1,7} \d{1,7} bytes 
$`
	if !regexp.MustCompile(want).MatchString(out) {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
	for f, was := range before {
		if now, err := os.ReadFile(f); string(now) != was {
			t.Errorf("the machine's %s was %s and is %s, %v", f, was, now, err)
		}
	}
	if os.Getenv(ordinary) == "" && !inUserNamespace() {
		if out := sh(t, program.Spec{}, "cat "+shmAll); out != fmt.Sprintln(256<<20/os.Getpagesize()) {
			t.Errorf("pages of shared memory: %s", out)
		}
	}
}

// TestProgramForks has more processes than a program may have.
func TestProgramForks(t *testing.T) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	kernel, err := lab.ParseKernelVersion(unix.ByteSliceToString(name.Release[:]))
	if err != nil || kernel.Compare(lab.KernelVersion{6, 14, 0}) < 0 {
		t.Skip("PID namespaces have no limit of their own before Linux 6.14")
	}
	r := mustRun(t, program.Spec{}, "sh", "-c", `mkfifo /tmp/pipe; i=0; while [ $i -lt 2100 ]; do read x </tmp/pipe & i=$((i+1)); done`)
	if status := finish(t, r); status == 0 || !strings.Contains(strings.ToLower(outputs(r)), "fork") {
		t.Errorf("2100 processes: exit %d: %q", status, outputs(r))
	}
}

// TestProgramWithoutOverlay has a folder that takes no overlay, since it is one of
// one already, and in it what a program must not meet.
func TestProgramWithoutOverlay(t *testing.T) {
	newLab(t) // or skip
	const inside = "LABRUN_TEST_MOUNTS"
	if os.Getenv(inside) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestProgramWithoutOverlay$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	const dir = "/srv/dir"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(unix.Mount("tmpfs", "/srv", "tmpfs", 0, ""))
	options := "userxattr,upperdir=upper,workdir=work,lowerdir=lower"
	for _, d := range []string{"first", "dir"} {
		must(os.Mkdir("/srv/"+d, 0o755))
		for _, name := range []string{"upper", "work", "lower"} {
			must(os.MkdirAll("/srv/"+d+"-"+name, 0o755))
		}
		must(unix.Mount("overlay", "/srv/"+d, "overlay", 0, strings.NewReplacer(
			"=upper", "=/srv/"+d+"-upper", "=work", "=/srv/"+d+"-work",
			"=lower", "=/srv/"+map[string]string{"first": "first-lower", "dir": "first"}[d],
		).Replace(options)))
	}
	must(os.MkdirAll(dir+"/1/2/3/4", 0o755))
	for _, d := range []string{"", "/1", "/1/2", "/1/2/3"} {
		must(os.WriteFile(dir+d+"/file", []byte(d+"\n"), 0o666))
		must(unix.Mkfifo(dir+d+"/pipe", 0o666))
		must(os.Symlink("file", dir+d+"/link"))
		ln, err := net.Listen("unix", dir+d+"/socket")
		must(err)
		defer ln.Close()
	}
	out := sh(t, program.Spec{}, "cd "+dir+` && find . | sort; cat link 1/2/link; for f in file 1/file; do (echo x >$f) 2>/dev/null && echo wrote; done; true`)
	if want := ".\n./1\n./1/2\n./1/2/3\n./1/2/file\n./1/2/link\n./1/file\n./1/link\n./file\n./link\n\n/1/2\n"; out != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

// ownFile is the argument of this program that has it change its own file.
const ownFile = "own-file"

func changeOwnFile() {
	for _, f := range []string{"/proc/self/exe", "/proc/1/exe"} {
		var st unix.Stat_t
		err := unix.Stat(f, &st)
		fmt.Println("own file:", f, err, unix.Chmod(f, st.Mode&0o7777),
			unix.Utimes(f, []unix.Timeval{{Sec: st.Atim.Sec}, {Sec: st.Mtim.Sec}}))
		if link, _ := os.Readlink(f); strings.HasPrefix(link, "/memfd:") {
			fmt.Println("of the copy:", unix.Chmod(f, 0)) // the next program could not start
		}
	}
}
