package program

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// layers is what programs write, on a file system in memory that ends with its
// mount namespace, and how it is laid over the machine's files.
type layers struct {
	base    string       // where that file system is mounted
	made    int          // how many layers there are
	laid    int          // how many of them could be mounted
	refusal error        // why the last of the others could not
	entries int          // of skeletons, so far
	lost    error        // why something is not shown that could have been
	mounts  []mountPoint // the machine's, before anything was laid over them
	extra   string       // options that overlays need here
}

// baseDir is a directory that every machine has, and whose files no program of a
// lab sees: only mounts of its own namespace ever hide them.
const baseDir = "/tmp"

func newLayers() (*layers, error) {
	l := &layers{base: baseDir}
	var err error
	if l.mounts, err = readMounts(); err != nil {
		return nil, err
	}
	in, err := sys.InUserNamespace()
	if err != nil {
		return nil, err
	}
	if in {
		l.extra = ",userxattr" // trusted.* attributes are for the machine's root alone
	}
	return l, mountTmpfs(l.base, 0o755, layersSize)
}

// all shows the machine's files at target. Where the kernel refuses every overlay,
// as in user namespaces before Linux 5.11, too little is left of them.
func (l *layers) all(target string) error {
	if err := l.tree("/", target, 0); err != nil {
		return err
	}
	if l.lost != nil {
		return l.lost
	}
	if l.laid == 0 {
		return fmt.Errorf("programs need overlays, which in user namespaces takes Linux 5.11: %w", l.refusal)
	}
	return nil
}

// What is shown of directories that take no overlay: so many levels of them, and
// so many entries in all, which are mounts each.
const (
	maxLevels  = 3
	maxEntries = 1000
)

// tree shows the machine's files below path at target, an empty directory,
// copy-on-write. What cannot be shown so is left out, but for regular files near
// the top, which are read-only; as is what private says.
//
// An overlay does not see through to the file systems that are mounted below its
// lower layer, so each gets one of its own. In a user namespace the kernel refuses
// an overlay above such mounts, which might hide something from the user
// (clone_private_mount); then the directory is built anew, entry by entry, and so
// are some levels of one that takes no overlay for another reason. Only a file
// system without sockets and pipes can be bound as a whole: read-only keeps no program
// from connecting to the machine's, or from writing to its pipes.
func (l *layers) tree(path, target string, level int) error {
	lower, err := openDir(path)
	if err == nil {
		err = l.overlay(lower, target, nil)
		lower.Close()
	}
	switch {
	case short(err):
		return err
	case err == nil:
		for _, m := range l.below(path) {
			if !private(m.path) && !m.pseudo() {
				l.entry(m.path, filepath.Join(target, strings.TrimPrefix(m.path, path)), 0)
			}
		}
		return nil
	case len(l.below(path)) > 0:
		return l.skeleton(path, target, level)
	case filesOnly(path):
		return bindReadOnly(path, target)
	case level < maxLevels:
		return l.skeleton(path, target, level+1)
	}
	return err
}

// filesOnly reports whether the file system that has path cannot have sockets or
// pipes. None of these takes an overlay (ovl_dentry_weird).
func filesOnly(path string) bool {
	const exfat = 0x2011bab0
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && (st.Type == unix.MSDOS_SUPER_MAGIC || st.Type == exfat)
}

// entry shows what a file system is mounted on, or a directory has, at a target
// that is there.
func (l *layers) entry(path, target string, level int) {
	info, err := os.Lstat(path)
	if err != nil {
		if short(err) {
			l.lost = err
		}
		return
	}
	if info.IsDir() {
		err = l.tree(path, target, level)
	} else if info.Mode().IsRegular() {
		err = bindReadOnly(path, target)
	}
	if short(err) {
		l.lost = err
	}
}

// overlay lays a fresh layer over a directory and shows both at target.
// The layer's own files are put there by prepare. A socket or a pipe with a name
// is another one through an overlay than on the machine: nothing is behind it.
func (l *layers) overlay(lower *os.File, target string, prepare func(upper string) error) error {
	l.made++
	upper, work := fmt.Sprintf("%s/upper%d", l.base, l.made), fmt.Sprintf("%s/work%d", l.base, l.made)
	for _, dir := range []string{upper, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(lower.Fd()), &st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	// A directory belongs to the user whom its upper layer names. Users that a user namespace does
	// not have cannot own a file there; it stays its root's.
	_ = os.Chown(upper, int(st.Uid), int(st.Gid))
	if err := unix.Chmod(upper, st.Mode&0o7777); err != nil {
		return &os.PathError{Op: "chmod", Path: upper, Err: err}
	}
	if prepare != nil {
		if err := prepare(upper); err != nil {
			return err
		}
	}
	// By its descriptor, the lower layer needs no escapes for ":" and ",".
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s%s", descriptorPath(lower.Fd()), upper, work, l.extra)
	if err := mount("overlay", target, unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		l.refusal = err
		return err
	}
	l.laid++
	return nil
}

// skeleton shows a directory as a fresh one with the same entries, without sockets,
// pipes and devices.
func (l *layers) skeleton(path, target string, level int) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := mountTmpfs(target, info.Mode().Perm(), tmpfsSize); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if short(err) {
		return err
	}
	if err != nil {
		return nil // a user who may not list it sees nothing in it
	}
	for _, e := range entries {
		if l.entries++; l.entries > maxEntries {
			return nil
		}
		from, to := filepath.Join(path, e.Name()), filepath.Join(target, e.Name())
		switch {
		case e.Type() == os.ModeSymlink:
			if link, err := os.Readlink(from); err == nil {
				_ = os.Symlink(link, to)
			}
		case e.IsDir():
			if err := os.Mkdir(to, 0o755); err != nil {
				return err
			}
			if !private(from) && !l.pseudo(from) {
				l.entry(from, to, level)
			}
		case e.Type().IsRegular() && !private(from):
			if err := os.WriteFile(to, nil, 0o644); err != nil {
				return err
			}
			l.entry(from, to, level)
		}
	}
	return nil
}

// Files that say how names of hosts are looked up.
const (
	hostsFile  = "/etc/hosts"
	resolvFile = "/etc/resolv.conf"
)

// private reports whether a path is not the machine's for programs of a lab:
// they have one of their own.
func private(path string) bool {
	for _, p := range []string{"/proc", "/sys", "/dev", "/run", "/tmp", hostsFile, resolvFile} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// Unseen returns whether programs of a lab do not see what this machine has at a path: they have one of their own
// there, or it is a window on this machine's kernel.
func Unseen() (func(path string) bool, error) {
	var l layers
	var err error
	if l.mounts, err = readMounts(); err != nil {
		return nil, err
	}
	return func(path string) bool {
		return private(path) && path != hostsFile && path != resolvFile || l.pseudo(path)
	}, nil
}

// mountPoint is a line of /proc/self/mountinfo, proc_pid_mountinfo(5).
type mountPoint struct{ path, fstype string }

// pseudo reports whether the mount is a window on the kernel, not a store of
// files, or one that appears when it is looked up.
func (m mountPoint) pseudo() bool {
	return slices.Contains([]string{
		"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
		"fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "sysfs", "tracefs",
	}, m.fstype)
}

func (l *layers) pseudo(path string) bool {
	return slices.ContainsFunc(l.mounts, func(m mountPoint) bool { return m.path == path && m.pseudo() })
}

// below returns the mounts below path that lie below no other one of them.
func (l *layers) below(path string) []mountPoint {
	var found []mountPoint
	for _, m := range l.mounts {
		within := func(dir string) bool {
			return m.path != dir && strings.HasPrefix(m.path, strings.TrimSuffix(dir, "/")+"/")
		}
		shown := func(f mountPoint) bool { return f.path == m.path || within(f.path) }
		if within(path) && !slices.ContainsFunc(found, shown) {
			found = append(found, m)
		}
	}
	return found
}

// readMounts returns the mounts of this namespace, sorted by their paths: a
// directory stands before what is below it.
func readMounts() ([]mountPoint, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var mounts []mountPoint
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20) // overlays have long options
	for lines.Scan() {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		words, rest := strings.Fields(before), strings.Fields(after)
		if len(words) < 5 || len(rest) < 1 {
			return nil, fmt.Errorf("%s: no mount is described by %q", f.Name(), lines.Text())
		}
		mounts = append(mounts, mountPoint{unescape(words[4]), rest[0]})
	}
	slices.SortStableFunc(mounts, func(a, b mountPoint) int { return strings.Compare(a.path, b.path) })
	return mounts, lines.Err()
}

// unescape undoes the octal escapes of what separates fields and lines (show_mountinfo in
// fs/proc_namespace.c), and of the backslash itself.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\043`, "#", `\134`, `\`).Replace
