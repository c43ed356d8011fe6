package record_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab/draft"
	"labrun/lab/record"
	"labrun/lab/topology"
	"labrun/lab/trace"
)

// programVariable makes a program of the test binary: what it is set to is which.
const programVariable = "LABRUN_TEST_PROGRAM"

func TestMain(m *testing.M) {
	record.Main()
	switch os.Getenv(programVariable) {
	case "threads":
		threads()
	case "child":
		second(os.Args[1])
	case "signal":
		wait()
	case "messages":
		messages()
	default:
		os.Exit(m.Run())
	}
}

const clients = 8

// threads is a program with a client on each of some threads, and a child that binds its port.
func threads() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			runtime.LockOSThread()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				fmt.Println(err)
				return
			}
			defer c.Close()
			if _, err := io.WriteString(c, "hello"); err != nil {
				fmt.Println(err)
			}
			if b, err := io.ReadAll(c); string(b) != "back" {
				fmt.Println(string(b), err)
			}
		})
	}
	for range clients {
		c, err := l.Accept()
		if err != nil {
			fmt.Println(err)
			return
		}
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
			fmt.Println(string(b), err)
		}
		if _, err := io.WriteString(c, "back"); err != nil {
			fmt.Println(err)
		}
		c.Close()
	}
	all.Wait()
	cmd := exec.Command("/proc/self/exe", l.Addr().String())
	cmd.Env = append(os.Environ(), programVariable+"=child")
	cmd.Stdout = os.Stdout
	if err := cmd.Run(); err != nil {
		fmt.Println(err)
	}
	fmt.Println("done")
}

// second is a program that binds a port which is taken.
func second(addr string) {
	_, err := net.Listen("tcp", addr)
	fmt.Println(err)
}

// wait listens until it is killed.
func wait() {
	if _, err := net.Listen("tcp", "127.0.0.1:0"); err != nil {
		fmt.Println(err)
	}
	fmt.Println("ready")
	select {}
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	len uint32
	_   uint32
}

// messages sends two messages by one call, and receives them by one.
func messages() {
	var fds [2]int
	for i := range fds {
		var err error
		if fds[i], err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := unix.Bind(fds[1], &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		fmt.Println(err)
	}
	to, err := unix.Getsockname(fds[1])
	if err == nil {
		err = unix.Connect(fds[0], to)
	}
	if err != nil {
		fmt.Println(err)
	}
	many := func(call uintptr, fd int, texts ...[]byte) {
		all := make([]mmsghdr, len(texts))
		for i, text := range texts {
			iov := &unix.Iovec{Base: &text[0]}
			iov.SetLen(len(text))
			all[i].Iov = iov
			all[i].SetIovlen(1)
		}
		n, _, errno := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&all[0])), uintptr(len(all)), 0, 0, 0)
		fmt.Println(n, errno)
	}
	many(unix.SYS_SENDMMSG, fds[0], []byte("one"), []byte("twelve"))
	many(unix.SYS_RECVMMSG, fds[1], make([]byte, 9), make([]byte, 9))
}

// TestMessages: of calls with several messages each is recorded, with its own length.
func TestMessages(t *testing.T) {
	cmd, stdout, events := start(t, "messages")
	if out, err := io.ReadAll(stdout); err != nil || string(out) != "2 errno 0\n2 errno 0\n" {
		t.Errorf("the program printed %q, %v", out, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	made := trace.Import(read(t, events), trace.Options{})
	var steps []string
	for _, l := range made.Lines {
		if l.Step.Call.Name == "send" || strings.HasPrefix(l.Step.Call.Name, "recv") {
			steps = append(steps, l.Step.Call.String()+" = "+l.Step.Want.String())
		}
	}
	want := []string{`send(a, "one") = ok`, `send(a, "twelve") = ok`, `recv(b) = "one"`, `recv(b) = "twelve"`}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
}

// start starts a recording of the test binary as that program.
func start(t *testing.T, program string) (cmd *exec.Cmd, stdout io.ReadCloser, events *os.File) {
	t.Helper()
	events, err := record.Events()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { events.Close() })
	argv := record.Command(0, []string{"/proc/self/exe"})
	cmd = exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), programVariable+"="+program)
	cmd.ExtraFiles = []*os.File{events}
	cmd.Stderr = os.Stderr
	if stdout, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdout, events
}

func read(t *testing.T, events *os.File) []trace.Event {
	t.Helper()
	if _, err := events.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	all, _, err := record.Read(events)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A program that is recorded gets the answers that it always gets, and all of its threads and children are followed.
func TestThreads(t *testing.T) {
	cmd, stdout, events := start(t, "threads")
	said, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program: %v", err)
	}
	lines := strings.Count(string(said), "\n")
	if want := "address already in use\ndone\n"; !strings.HasSuffix(string(said), want) || lines != 2 {
		t.Errorf("the program says %q, want what ends with %q", said, want)
	}
	seen := map[string]int{}
	by := map[int]bool{}
	for _, e := range read(t, events) {
		switch {
		case e.Name == "connect" && strings.Contains(e.Result, "EINPROGRESS"):
			by[e.Thread] = true
			seen["connect"]++
		case strings.HasPrefix(e.Name, "accept") && !strings.HasPrefix(e.Result, "-1"):
			seen["accept"]++
		case e.Name == "bind" && strings.HasPrefix(e.Result, "-1 EADDRINUSE ("):
			seen["refused"]++
		case e.Name == "read" && slices.Contains(e.Args, `"hello"`), e.Name == "read" && slices.Contains(e.Args, `"back"`):
			seen["read"]++
		}
	}
	// The child tries MPTCP first, where the kernel has it, and then TCP.
	if seen["connect"] != clients || seen["accept"] != clients || seen["refused"] == 0 || seen["read"] != 2*clients {
		t.Errorf("seen: %v, want each of %d clients, and a bind that is refused", seen, clients)
	}
	if len(by) != clients {
		t.Errorf("%d threads connect, want %d", len(by), clients)
	}
	layout := draft.DualNIC("threads")
	m := trace.Import(read(t, events), trace.Options{Layout: &layout, Host: "alpha"})
	text := m.File("threads", "A test.").Text()
	if _, err := topology.Load(topology.Source{File: "threads.yaml", Text: []byte(text)}); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if len(m.Programs) != 2 {
		t.Errorf("processes %v, want the program and its child\n%s", m.Programs, text)
	}
}

// A signal ends the recording, and what is recorded until then is there. The program is killed.
func TestSignal(t *testing.T) {
	cmd, stdout, events := start(t, "signal")
	b := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(stdout, b); err != nil {
		t.Fatalf("%q %v", b, err)
	}
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(b); err != io.EOF { // the program has it open as long as it lives
		t.Errorf("standard output: %v, want its end", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the tracer: %v", err)
	}
	if !slices.ContainsFunc(read(t, events), func(e trace.Event) bool { return e.Name == "listen" && e.Result == "0" }) {
		t.Error("the call to listen is not there")
	}
}
