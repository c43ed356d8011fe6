package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"labrun/lab"
)

// cache is the user's folder of kernels. Each has a folder below it, whose name begins with the
// package's and ends in its checksum, and in it the files and about, which says what they are.
//
// A folder has that name only when all is in it: it is filled under another one and renamed, so
// neither a second labrun nor one that ended in the middle leaves half a kernel that looks whole.
type cache string

// userCache returns the cache of the user that labrun runs as; it may not exist yet.
func userCache() (cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder to keep kernels in: %w; set XDG_CACHE_HOME to one", err)
	}
	return cache(filepath.Join(dir, "labrun", "kernels")), nil
}

// unfinished is what the name of a folder that is being filled begins with.
const unfinished = ".unfinished-"

// filling is held while a kernel is put into the cache: two names of one run may be the same kernel.
var filling sync.Mutex

// add returns the folder of that name. If there is none, fill makes it.
func (c cache) add(name string, fill func(dir string) error) (string, error) {
	filling.Lock()
	defer filling.Unlock()
	whole := filepath.Join(string(c), name)
	if _, err := os.Stat(whole); err == nil {
		return whole, nil
	}
	if err := os.MkdirAll(string(c), 0o755); err != nil {
		return "", c.explain(err)
	}
	c.sweep()
	dir, release, err := c.begin()
	if err != nil {
		return "", c.explain(err)
	}
	defer release()
	if err := fill(dir); err != nil {
		return "", errors.Join(c.explain(err), os.RemoveAll(dir))
	}
	if err := os.Rename(dir, whole); err != nil {
		// rename(2) puts no folder over one with files in it: another labrun was faster, and has the same.
		if _, there := os.Stat(whole); there == nil {
			err = nil
		}
		return whole, errors.Join(err, os.RemoveAll(dir))
	}
	return whole, nil
}

// begin makes a folder to fill, locked for as long as this process fills it.
func (c cache) begin() (dir string, release func(), err error) {
	for {
		if dir, err = os.MkdirTemp(string(c), unfinished); err != nil {
			return "", nil, err
		}
		release, err = lock(dir)
		if err == nil {
			return dir, release, nil
		}
		if !errors.Is(err, errLocked) && !errors.Is(err, fs.ErrNotExist) {
			return "", nil, errors.Join(err, os.RemoveAll(dir))
		}
		// another labrun found the folder in the moment before it was locked, and took it for a dead one's
	}
}

// sweep removes what labruns that were killed had begun: the kernel took their locks away.
func (c cache) sweep() {
	dirs, err := filepath.Glob(filepath.Join(string(c), unfinished+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if release, err := lock(dir); err == nil {
			_ = os.RemoveAll(dir) // the next one tries again
			release()
		}
	}
}

var errLocked = errors.New("another process has it locked")

// explain says what to do where the cache has no room.
func (c cache) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: no room for it below %s; remove kernels with \"labrun kernels clean\", or set "+
			"XDG_CACHE_HOME to a folder with more", err, filepath.Dir(filepath.Dir(string(c))))
	}
	return err
}

// aboutFile says what a folder of the cache is, in the form of Debian's control files.
const aboutFile = "about"

// Cached is a kernel that the cache has.
type Cached struct {
	Image
	Dir     string
	Package string // that it is from
	Debian  string // the package's version
	arch    string // Debian's name of it
	FromApt bool   // else it is from a file that the user named
	Size    int64  // of all its files, in bytes
}

// List returns the kernels of the user's cache, by version; none where there is no cache.
func List() ([]Cached, error) {
	c, err := userCache()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(string(c))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Cached
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		k, err := openCached(filepath.Join(string(c), e.Name()))
		if err != nil {
			continue // not ours, or another labrun removes it
		}
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Cached) int {
		if n := a.Version.Compare(b.Version); n != 0 {
			return n
		}
		return strings.Compare(a.Dir, b.Dir)
	})
	return all, nil
}

// Find returns those of the cached kernels that a name means, as debian:6.1 means all of that release line.
func Find(cached []Cached, spec string) ([]Cached, error) {
	n, err := parse(spec)
	if err != nil {
		return nil, err
	}
	var found []Cached
	for _, k := range cached {
		if n != nil && k.FromApt && n.matches(k.source()) || k.Spec == spec || k.Dir == spec {
			found = append(found, k)
		}
	}
	return found, nil
}

// Sweep removes what labruns that were killed have left unfinished in the cache.
func Sweep() error {
	c, err := userCache()
	if err == nil {
		c.sweep()
	}
	return err
}

// openCached reads a folder of the cache.
func openCached(dir string) (Cached, error) {
	text, err := os.ReadFile(filepath.Join(dir, aboutFile))
	if err != nil {
		return Cached{}, err
	}
	about := parseControl(string(text))
	if len(about) != 1 {
		return Cached{}, fmt.Errorf("%s: not written by labrun", filepath.Join(dir, aboutFile))
	}
	i, err := openFile(dir)
	if err != nil {
		return Cached{}, err
	}
	k := Cached{Image: i, Dir: dir, Package: about[0]["Package"], Debian: about[0]["Version"],
		arch:    about[0]["Architecture"],
		FromApt: about[0]["From"] == "apt"}
	k.Spec = about[0]["Name"]
	k.Size, _ = strconv.ParseInt(about[0]["Size"], 10, 64)
	if k.Version == (lab.KernelVersion{}) { // compressed so that its file does not say; its package does
		k.Version, _ = lab.ParseKernelVersion(k.Debian)
	}
	return k, nil
}

// Exact returns a name that means this kernel and no other, also where the cache has several of its version.
func (k Cached) Exact() string {
	p := k.source()
	_, exact := p.release()
	kind := debianKind
	switch {
	case !k.FromApt:
		return k.Dir
	case p.Name == umlPackage:
		kind, exact = umlKind, p.Version
	}
	if p.Arch != debianArch() {
		exact += ":" + p.Arch
	}
	return kind + ":" + exact
}

// used marks a kernel of the cache as asked for now, for "labrun kernels clean" of those that are not.
func (k Cached) used() {
	now := time.Now()
	_ = os.Chtimes(filepath.Join(k.Dir, aboutFile), now, now) // a cache that cannot be written is good to read
}

// Remove takes a kernel out of the cache.
func (k Cached) Remove() error {
	// Renamed first: what is half removed must not look whole.
	gone := filepath.Join(filepath.Dir(k.Dir), unfinished+filepath.Base(k.Dir))
	if err := os.Rename(k.Dir, gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// writeAbout describes the kernel in dir, of which p is the first package.
func writeAbout(dir string, p Package, name string, fromApt bool) error {
	size, err := sizeOf(dir)
	if err != nil {
		return err
	}
	from := "file"
	if fromApt {
		from = "apt"
	}
	text := fmt.Sprintf("Name: %s\nPackage: %s\nVersion: %s\nArchitecture: %s\nFrom: %s\nSize: %d\n",
		name, p.Name, p.Version, p.Arch, from, size)
	return os.WriteFile(filepath.Join(dir, aboutFile), []byte(text), 0o644)
}

// sizeOf returns how many bytes the files below a folder have.
func sizeOf(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
