package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// Package is one version of a package of Debian's.
type Package struct {
	Name, Version, Arch string
	SHA256              string
	Size                int64    // of the .deb, in bytes
	Depends             []string // names alone
	Linux               string   // what it was built from; "" where that is itself
	File                string   // the .deb; "" where it is to be fetched
}

// control is a paragraph of a control file (deb-control(5)): fields by name.
type control map[string]string

// parseControl reads the paragraphs of a control file. Lines that go on keep their line ends.
func parseControl(text string) []control {
	var all []control
	var this control
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		name, value, ok := strings.Cut(line, ":")
		switch {
		case strings.TrimSpace(line) == "":
			this = nil
		case line[0] == ' ' || line[0] == '\t':
			if this != nil {
				this[last] += "\n" + strings.TrimSpace(line)
			}
		case ok:
			if this == nil {
				this = control{}
				all = append(all, this)
			}
			last = name
			this[last] = strings.TrimSpace(value)
		}
	}
	return all
}

// packageOf reads what labrun needs of a package.
func packageOf(c control) Package {
	p := Package{Name: c["Package"], Version: c["Version"], Arch: c["Architecture"], SHA256: c["SHA256"]}
	p.Size, _ = strconv.ParseInt(c["Size"], 10, 64) // a control file in a .deb has none
	for _, d := range strings.Split(c["Depends"]+","+c["Pre-Depends"], ",") {
		if name, _, _ := strings.Cut(strings.TrimSpace(d), " "); name != "" {
			p.Depends = append(p.Depends, name)
		}
	}
	// User-mode Linux: "Built-Using: linux (= 6.1.176-1)" of version 6.1um4.
	if _, v, ok := strings.Cut(c["Built-Using"], "linux (= "); ok {
		p.Linux, _, _ = strings.Cut(v, ")")
	}
	return p
}

// check returns what is wrong with the fields that name a package: Debian's policy, 5.6, and deb-version(7) without
// the epoch, which no kernel has. Whoever made the package wrote them, and the cache has a folder of that name.
func (p Package) check() error {
	for _, f := range []struct {
		field, value string
		allowed      *regexp.Regexp
	}{
		{"Package", p.Name, regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)},
		{"Version", p.Version, versionText},
		{"Architecture", p.Arch, regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)},
	} {
		if !f.allowed.MatchString(f.value) {
			return fmt.Errorf("the package's control file says %s: %s, which Debian does not allow", f.field,
				wording.Quote(f.value))
		}
	}
	return nil
}

// String names a package as apt-get(8) takes it.
func (p Package) String() string { return p.Name + "=" + p.Version }

// kernel returns the version of the kernel in a package, which is Debian's true one: that of package
// linux-image-6.1.0-50-amd64 is 6.1.176.
func (p Package) kernel() lab.KernelVersion {
	for _, text := range []string{p.Linux, p.Version} {
		if v, err := lab.ParseKernelVersion(text); err == nil {
			return v
		}
	}
	return lab.KernelVersion{}
}

// kernelParts are the packages that a kernel may be in. Since 6.19 Debian's linux-image has no files of
// its own and depends on the other two.
var kernelParts = []string{"linux-image-", "linux-binary-", "linux-modules-"}

// release returns what uname -r says in the kernel of a package, and which of kernelParts it is.
func (p Package) release() (part, release string) {
	for _, part := range kernelParts {
		if release, ok := strings.CutPrefix(p.Name, part); ok {
			return part, strings.TrimSuffix(release, "-unsigned")
		}
	}
	return "", ""
}

// isSplit reports whether the kernel is in two other packages.
func (p Package) isSplit() bool {
	_, release := p.release()
	return slices.Contains(p.Depends, "linux-binary-"+release)
}

// isDeb reports whether a file begins as a package does (deb(5)).
func isDeb(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(debMagic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == debMagic
}

const debMagic = "!<arch>\n"

// openDeb puts the kernel of a package that the user named into the cache, or finds it there.
func openDeb(ctx context.Context, file string) (Image, error) {
	parts, err := partsOf(ctx, file)
	if err != nil {
		return Image{}, err
	}
	for i := range parts {
		if parts[i].SHA256, err = checksum(parts[i].File); err != nil {
			return Image{}, err
		}
	}
	k, err := keep(ctx, parts, file, false)
	return k.Image, err
}

// partsOf returns the packages that have the kernel and its modules: the file's own, and those that lie
// beside it where Debian has split it.
func partsOf(ctx context.Context, file string) ([]Package, error) {
	text, err := output(ctx, "", "dpkg-deb", "--field", file)
	if err != nil {
		return nil, err
	}
	fields := parseControl(text)
	if len(fields) == 0 {
		return nil, errors.New("its control file is empty")
	}
	p := packageOf(fields[0])
	if err := p.check(); err != nil {
		return nil, err
	}
	p.File = file
	part, release := p.release()
	switch {
	case p.Name == umlPackage, part == "linux-image-" && !p.isSplit():
		return []Package{p}, nil
	case part == "":
		return nil, fmt.Errorf("package %s is not a kernel; labrun takes linux-image-*, linux-binary-* with linux-modules-* "+
			"beside it, and %s", p.Name, umlPackage)
	}
	var parts []Package
	for _, need := range kernelParts[1:] {
		n := Package{Name: need + release, Version: p.Version, Arch: p.Arch}
		// apt-get download writes the ":" of an epoch as %3a, and no kernel has an epoch.
		base := fmt.Sprintf("%s_%s_%s.deb", n.Name, n.Version, n.Arch)
		n.File = filepath.Join(filepath.Dir(file), base)
		if n.Name == p.Name {
			n.File = file
		} else if _, err := os.Stat(n.File); err != nil {
			return nil, fmt.Errorf("the kernel of package %s %s is in two, and %s is not beside it", p.Name, p.Version, base)
		}
		parts = append(parts, n)
	}
	return parts, nil
}

// checksum returns a file's SHA-256, as Debian writes it.
func checksum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// folderOf returns the name that the cache has the packages under. Packages of one kernel differ in
// version, architecture and, where one was built again, in nothing but the checksum.
func folderOf(parts []Package) string {
	sum := sha256.New()
	for _, p := range parts {
		fmt.Fprintln(sum, p.SHA256)
	}
	p := parts[0]
	return fmt.Sprintf("%s_%s_%s_%s", p.Name, p.Version, p.Arch, hex.EncodeToString(sum.Sum(nil))[:16])
}

// keep puts the kernel that packages have into the cache, if it is not there; where fetched is true, they
// are fetched first.
func keep(ctx context.Context, parts []Package, spec string, fromApt bool) (Cached, error) {
	c, err := userCache()
	if err != nil {
		return Cached{}, err
	}
	name := spec
	if fromApt {
		name = nameOf(parts[0])
	}
	dir, err := c.add(folderOf(parts), func(dir string) error {
		for _, p := range parts {
			if p.File == "" {
				if p.File, err = fetch(ctx, p, dir); err != nil {
					return err
				}
				defer os.Remove(p.File)
			}
			if err := unpack(ctx, p.File, dir); err != nil {
				return fmt.Errorf("unpack %s: %w", filepath.Base(p.File), err)
			}
			if fromApt {
				if err := os.Remove(p.File); err != nil {
					return err
				}
			}
		}
		if err := fitLibraries(ctx, dir, parts[0], fromApt); err != nil {
			return err
		}
		if _, err := openFile(dir); err != nil { // not to be kept
			return err
		}
		return writeAbout(dir, parts[0], name, fromApt)
	})
	if err != nil {
		return Cached{}, err
	}
	k, err := openCached(dir)
	if err != nil {
		return k, err
	}
	k.used()
	k.Spec = spec
	return k, nil
}

// kept are the folders of a package that are taken: a kernel and its modules. Programs, documentation
// and what runs at installation stay behind.
var kept = []string{"boot/vmlinu", "lib/modules/", "usr/lib/modules/", "usr/lib/uml/modules/", "usr/bin/linux"}

// unpack writes the kernel and the modules of a package below dir.
func unpack(ctx context.Context, file, dir string) error {
	return untar(ctx, file, func(name string) string {
		if slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(name, k) }) {
			return filepath.Join(dir, filepath.FromSlash(name))
		}
		return ""
	})
}

// untar writes the files of a package where place says; "" is nowhere.
// A package is a stranger's: only plain files are taken, which are nobody's but the caller's and run
// as nobody but the caller, and no link leads out of the folder.
func untar(ctx context.Context, file string, place func(name string) string) error {
	return run(ctx, "", func(r io.Reader) error {
		for t := tar.NewReader(r); ; {
			h, err := t.Next()
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			case h.Typeflag != tar.TypeReg:
				continue
			}
			to := place(strings.TrimPrefix(path.Clean("/"+h.Name), "/"))
			if to == "" {
				continue
			}
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if err := writeFile(to, t, h.FileInfo().Mode()&0o111|0o644); err != nil {
				return err
			}
		}
	}, "dpkg-deb", "--fsys-tarfile", file)
}

func writeFile(name string, r io.Reader, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
