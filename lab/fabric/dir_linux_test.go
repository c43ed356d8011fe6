package fabric

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// inDir runs f with the directory as its working directory.
func inDir(dir *os.File, f func() error) error {
	return onThread(func() error {
		return errors.Join(unix.Unshare(unix.CLONE_FS), unix.Fchdir(int(dir.Fd())), f())
	})
}

func TestNewDir(t *testing.T) {
	needNetNS(t)
	fds := descriptors(t)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	dir, err := NewDir()
	must(t, err)
	other, err := NewDir()
	must(t, err)

	server, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	name := &unix.SockaddrUnix{Name: "server"}
	must(t, inDir(dir, func() error { return errors.Join(unix.Bind(server, name), unix.Listen(server, 1)) }))
	if err := inDir(other, func() error { return unix.Connect(client, name) }); !errors.Is(err, unix.ENOENT) {
		t.Errorf("connect in another directory = %v, want %v", err, unix.ENOENT)
	}
	must(t, inDir(dir, func() error { return unix.Connect(client, name) }))

	var st unix.Statfs_t
	must(t, unix.Fstatfs(int(dir.Fd()), &st))
	if size := int64(st.Blocks) * st.Bsize; st.Type != unix.TMPFS_MAGIC || size != 16<<20 {
		t.Errorf("file system %#x of %d bytes, want tmpfs of 16 MiB", st.Type, size)
	}
	info, err := dir.Stat()
	must(t, err)
	if want := os.ModeDir | os.ModeSticky | 0o777; info.Mode() != want {
		t.Errorf("mode %v, want %v", info.Mode(), want)
	}
	// The root of the directory is the top: there is no way out of it.
	must(t, inDir(dir, func() error {
		_, err := os.Stat("../../server")
		return err
	}))
	now, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	if diff := cmp.Diff(string(mounts), string(now)); diff != "" {
		t.Errorf("the caller's mounts: -before +after:\n%s", diff)
	}
	unix.Close(server)
	unix.Close(client)
	must(t, dir.Close())
	must(t, other.Close())
	if diff := cmp.Diff(fds, descriptors(t)); diff != "" {
		t.Errorf("descriptors: -before +after:\n%s", diff)
	}
}
