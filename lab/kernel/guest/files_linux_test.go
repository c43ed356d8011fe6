package guest

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fuseClient asks serveFiles by hand, since a kernel that was taken over may ask for anything.
type fuseClient struct {
	t    *testing.T
	line *os.File
}

// Numbers of enum fuse_opcode that write.
var writing = map[string]uint32{
	"setattr": 4, "symlink": 6, "mknod": 8, "mkdir": 9, "unlink": 10, "rmdir": 11, "rename": 12, "link": 13, "write": 16,
	"setxattr": 21, "removexattr": 24, "create": 35, "fallocate": 43, "rename2": 45, "copy_file_range": 47, "setupmapping": 48,
	"tmpfile": 51,
}

// serveTest serves this machine's files, and some folders, to the client that it returns.
func serveTest(t *testing.T, folders ...string) fuseClient {
	t.Helper()
	ours, theirs, err := pair("files")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- serveFiles(ours, folders) }()
	before := len(descriptors(t))
	t.Cleanup(func() {
		theirs.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		ours.Close()
		if after := len(descriptors(t)); after > before-2 { // the two ends
			t.Errorf("%d descriptors are open, and before there were %d", after, before)
		}
	})
	c := fuseClient{t, theirs}
	if _, errno := c.ask(fuseInit, 0, words(7, 31, 128<<10, 0), make([]byte, 48)); errno != 0 {
		t.Fatalf("init: %v", errno)
	}
	return c
}

func descriptors(t *testing.T) []os.DirEntry {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// words are numbers as they lie in a request.
func words(all ...uint32) (b []byte) {
	for _, w := range all {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

// ask makes a request of a node, and returns what its reply has behind the header.
func (c fuseClient) ask(op uint32, node uint64, body ...[]byte) ([]byte, unix.Errno) {
	c.t.Helper()
	rest := bytes.Join(body, nil)
	b := binary.NativeEndian.AppendUint64(words(uint32(inHeaderSize+len(rest)), op), 42)
	b = append(binary.NativeEndian.AppendUint64(b, node), make([]byte, 16)...)
	if _, err := c.line.Write(append(b, rest...)); err != nil {
		c.t.Fatal(err)
	}
	reply := make([]byte, maxMessage)
	n, err := readMessage(c.line, reply)
	if err != nil || n == 0 {
		c.t.Fatalf("no reply to request %d: %v", op, err)
	}
	if unique := binary.NativeEndian.Uint64(reply[uniqueAt:]); unique != 42 {
		c.t.Fatalf("the reply to request %d is to %d", op, unique)
	}
	return reply[outHeaderSize:n], unix.Errno(-int32(binary.NativeEndian.Uint32(reply[4:])))
}

// walk looks the elements of a path up, and returns the node and the mode of the last one.
func (c fuseClient) walk(path string) (node uint64, mode uint32, errno unix.Errno) {
	c.t.Helper()
	node = 1 // FUSE_ROOT_ID
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		entry, errno := c.ask(fuseLookup, node, []byte(name+"\x00"))
		if errno != 0 {
			return 0, 0, errno
		}
		// struct fuse_entry_out: nodeid, then 32 bytes, then struct fuse_attr with the mode behind 60.
		node, mode = binary.NativeEndian.Uint64(entry), binary.NativeEndian.Uint32(entry[40+60:])
		if node == 0 {
			return 0, 0, unix.ENOENT // which may be remembered
		}
	}
	return node, mode, 0
}

// read returns the beginning of a file.
func (c fuseClient) read(node uint64) (string, unix.Errno) {
	c.t.Helper()
	opened, errno := c.ask(fuseOpen, node, words(unix.O_RDONLY, 0))
	if errno != 0 {
		return "", errno
	}
	text, errno := c.ask(fuseRead, node, opened[:8], make([]byte, 8), words(4096, 0), make([]byte, 16))
	return string(text), errno
}

// TestServeFiles: a guest has the machine's files, and of what programs do not see a folder alone.
func TestServeFiles(t *testing.T) {
	dir := t.TempDir()
	shown, beside := filepath.Join(dir, "shown"), filepath.Join(dir, "beside")
	for _, d := range []string{shown, beside} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "file"), []byte("hello"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("file", filepath.Join(shown, "link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(shown, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := serveTest(t, shown)
	hosts, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	node, mode, errno := c.walk("/etc/passwd")
	if errno != 0 || mode&unix.S_IFMT != unix.S_IFREG {
		t.Fatalf("/etc/passwd: mode %o, %v", mode, errno)
	}
	if text, errno := c.read(node); errno != 0 || text == "" || !strings.HasPrefix(string(hosts), text) {
		t.Errorf("/etc/passwd has %q, %v", text, errno)
	}
	in := folderRoot + shown
	if node, mode, errno = c.walk(in + "/file"); errno != 0 || mode != unix.S_IFREG|0o640 {
		t.Fatalf("the folder's file: mode %o, %v", mode, errno)
	}
	if text, errno := c.read(node); errno != 0 || text != "hello" {
		t.Errorf("the folder's file has %q, %v", text, errno)
	}
	if node, _, errno = c.walk(in + "/link"); errno != 0 {
		t.Fatal(errno)
	}
	if to, errno := c.ask(fuseReadlink, node); errno != 0 || string(to) != "file" {
		t.Errorf("the folder's link leads to %q, %v", to, errno)
	}
	if node, _, errno = c.walk(in + "/pipe"); errno != 0 {
		t.Fatal(errno)
	}
	if _, errno := c.read(node); errno != unix.EINVAL { // to open it would wait, or wake who does
		t.Errorf("the folder's pipe is opened: %v", errno)
	}
	for path, want := range map[string]unix.Errno{
		folderRoot + beside + "/file": unix.ENOENT, folderRoot + "/etc": unix.ENOENT, folderRoot + "/proc/self": unix.ENOENT,
		shown: unix.ENOENT, "/proc/self": unix.ENOENT, "/sys/kernel": unix.ENOENT, "/dev/null": unix.ENOENT,
		"/etc" + folderRoot: unix.ENOENT, in + "/..": unix.EINVAL, "/etc/..": unix.EINVAL,
	} {
		if _, mode, errno := c.walk(path); errno != want {
			t.Errorf("%s: mode %o, %v, want %v", path, mode, errno, want)
		}
	}
	if _, errno := c.ask(fuseLookup, 1, []byte("etc/../proc\x00")); errno != unix.EINVAL {
		t.Errorf("a name with slashes: %v", errno)
	}
	for _, place := range []string{"/proc", "/sys", "/dev", "/run", "/tmp"} {
		if _, mode, errno := c.walk(place); errno != 0 || mode != unix.S_IFDIR|0o755 {
			t.Errorf("%s: mode %o, %v, want an empty folder", place, mode, errno)
		}
	}
}

// TestServeFilesReadOnly: no request of a guest writes, whatever its kernel has become.
func TestServeFilesReadOnly(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := serveTest(t, dir)
	folder, _, errno := c.walk(folderRoot + dir)
	if errno != 0 {
		t.Fatal(errno)
	}
	node, _, errno := c.walk(folderRoot + file)
	if errno != 0 {
		t.Fatal(errno)
	}
	opened, errno := c.ask(fuseOpen, node, words(unix.O_RDONLY, 0))
	if errno != 0 {
		t.Fatal(errno)
	}
	if _, errno := c.ask(fuseOpen, node, words(unix.O_RDWR, 0)); errno != unix.EROFS {
		t.Errorf("open to write: %v", errno)
	}
	if _, errno := c.ask(fuseOpen, node, words(unix.O_RDONLY|unix.O_TRUNC, 0)); errno != unix.EROFS {
		t.Errorf("open and truncate: %v", errno)
	}
	for what, op := range writing {
		for _, n := range []uint64{folder, node} {
			if _, errno := c.ask(op, n, opened[:8], make([]byte, 100), []byte("file\x00new\x00")); errno != unix.ENOSYS {
				t.Errorf("%s: %v", what, errno)
			}
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "hello" {
		t.Errorf("the file has %q, %v", text, err)
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 1 || all[0].Name() != "file" {
		t.Errorf("the folder has %v, %v", all, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o644 || info.Size() != 5 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

// TestServeFilesNonsense: a line on which something else is said than FUSE is given up.
func TestServeFilesNonsense(t *testing.T) {
	for _, said := range [][]byte{words(3, 0, 0, 0), words(1<<30, 0), words(20, fuseLookup, 0, 0, 0)} {
		ours, theirs, err := pair("files")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Write(said); err != nil {
			t.Fatal(err)
		}
		if err := serveFiles(ours, nil); err == nil || !strings.Contains(err.Error(), " of FUSE of ") {
			t.Errorf("%x: %v", said, err)
		}
		ours.Close()
		theirs.Close()
	}
}

// TestFoldersWord: a folder's name may have what separates the words of a command line.
func TestFoldersWord(t *testing.T) {
	f := Files{Folders: []string{"/home/me", "/tmp/a b,c", "/tmp/a b,c", "/run/lab", "/tmpfolder"}}
	if got, want := f.word(), foldersWord+"=/tmp/a%20b%2Cc,/run/lab"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := f.private(), []string{"/tmp/a b,c", "/run/lab"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzServeFiles: a guest whose kernel was taken over asks for anything. Its line ends or is given up, and no file is
// left open.
func FuzzServeFiles(f *testing.F) {
	request := func(op uint32, node uint64, body []byte) []byte {
		b := words(uint32(inHeaderSize+len(body)), op, 7, 0)
		b = native.AppendUint64(b, node)
		return append(append(b, make([]byte, 16)...), body...)
	}
	f.Add(slices.Concat(request(fuseInit, 0, words(7, 31, 128<<10, 0)), request(fuseLookup, 1, []byte("etc\x00")),
		request(fuseReaddir, 2, words(0, 0, 0, 0, 4096, 0)), request(fuseLookup, 2, []byte("passwd\x00")),
		request(fuseOpen, 3, words(0, 0)), request(fuseRead, 3, words(4, 0, 0, 0, 4096, 0))))
	f.Add(slices.Concat(request(fuseBatchForget, 1, words(3, 0, 1, 0, 9, 0)), request(fuseForget, 1, words(1<<31, 1<<31)),
		request(fuseRelease, 1, words(9, 9)), request(fuseReadlink, 1, nil), request(fuseStatfs, 1, nil)))
	f.Add(words(3, 0, 0, 0))
	f.Fuzz(func(t *testing.T, said []byte) {
		before := len(descriptors(t))
		_ = serveFiles(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(said), io.Discard}, []string{"/etc"})
		if now := len(descriptors(t)); now > before {
			t.Errorf("%d more descriptors than before", now-before)
		}
	})
}
