package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"labrun/lab"
)

// Offer is a kernel that the machine's apt knows.
type Offer struct {
	Name    string // debian:6.1.176, um:7.2.7
	Version lab.KernelVersion
	Arch    string    // Debian's name of it
	Parts   []Package // that it is in
	Lacks   string    // a package that it depends on and that apt does not know; then it cannot be had
}

// Size is how much is fetched, in bytes.
func (o Offer) Size() (n int64) {
	for _, p := range o.Parts {
		n += p.Size
	}
	return n
}

// Machine is the kernel's architecture, as uname(2) has it.
func (o Offer) Machine() string { return debianMachines[o.Arch] }

// cloud reports whether it is the kernel for guests, which is smaller.
func (o Offer) cloud() bool { return strings.Contains(o.Parts[0].Name, "-cloud-") }

// umlPackage has User-mode Linux.
const umlPackage = "user-mode-linux"

// apt is what the machine's apt knows of kernels. To ask it takes seconds, and its lists are the same for all
// names of a run.
var apt struct {
	sync.Mutex
	packages map[string][]Package // by architecture
}

// packagesFor returns all versions of all packages that kernels of an architecture are in.
func packagesFor(ctx context.Context, arch string) ([]Package, error) {
	apt.Lock()
	defer apt.Unlock()
	if known, ok := apt.packages[arch]; ok {
		return known, nil
	}
	text, err := output(ctx, "", "apt-cache", "pkgnames", "linux-")
	if err != nil {
		return nil, err
	}
	// Of thousands of names, headers and debugging symbols among them, a few hundred are kernels. Those with -rt- are
	// left out: they schedule otherwise, and a name that says only a version does not mean them.
	var ask []string
	for _, p := range strings.Fields(text) {
		part, release := Package{Name: p}.release()
		if part != "" && strings.HasSuffix(release, "-"+arch) && lineOf(release) != "" &&
			!strings.Contains(release, "-rt-") && !strings.HasSuffix(p, "-unsigned") {
			ask = append(ask, p)
		}
	}
	slices.Sort(ask)
	if arch == debianArch() {
		ask = append(ask, umlPackage)
	} else {
		for i := range ask {
			ask[i] += ":" + arch
		}
	}
	// Some of the names stand in dependencies only, and of these it complains; it prints the others all the same.
	text = ""
	err = run(ctx, "", func(r io.Reader) error {
		b, err := io.ReadAll(r)
		text = string(b)
		return err
	}, "apt-cache", append([]string{"show"}, ask...)...)
	if err != nil && text == "" && ctx.Err() != nil {
		return nil, err
	}
	var all []Package
	for _, c := range parseControl(text) {
		if p := packageOf(c); p.Arch == arch && !slices.ContainsFunc(all, func(q Package) bool {
			return q.String() == p.String()
		}) {
			all = append(all, p)
		}
	}
	if apt.packages == nil {
		apt.packages = map[string][]Package{}
	}
	apt.packages[arch] = all
	return all, nil
}

// lineOf returns the release line that a version begins with, "6.1" of "6.1.0-50-cloud-amd64"; "" where three
// numbers do not stand there, as in the names of packages that depend on the newest.
func lineOf(version string) string {
	var k lab.KernelVersion
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &k[0], &k[1], &k[2]); n < 3 {
		return ""
	}
	return line(k)
}

func line(k lab.KernelVersion) string { return fmt.Sprintf("%d.%d", k[0], k[1]) }

// Offers returns the kernels for an architecture, Debian's name of it, "" for this machine's, that apt knows:
// newest first, and those for guests before others of the same version.
func Offers(ctx context.Context, arch string) ([]Offer, error) {
	if arch == "" {
		arch = debianArch()
	}
	packages, err := packagesFor(ctx, arch)
	if err != nil {
		return nil, err
	}
	var all []Offer
	for _, p := range packages {
		part, release := p.release()
		if part != "linux-image-" && p.Name != umlPackage {
			continue
		}
		o := Offer{Name: nameOf(p), Version: p.kernel(), Arch: p.Arch, Parts: []Package{p}}
		if p.isSplit() { // its parts have its version; those of another one belong to another kernel
			o.Parts = nil
			for _, need := range kernelParts[1:] {
				at := slices.IndexFunc(packages, func(q Package) bool { return q.Name == need+release && q.Version == p.Version })
				if at < 0 {
					o.Lacks = need + release
					o.Parts = []Package{p}
					break
				}
				o.Parts = append(o.Parts, packages[at])
			}
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b Offer) int {
		if n := b.Version.Compare(a.Version); n != 0 {
			return n
		}
		if a.cloud() != b.cloud() {
			return map[bool]int{true: -1, false: 1}[a.cloud()]
		}
		return compareVersions(b.Parts[0].Version, a.Parts[0].Version)
	})
	return all, nil
}

// nameOf returns the name of the kernel that a package has.
func nameOf(p Package) string {
	kind, version := debianKind, p.kernel().String()
	if p.Name == umlPackage {
		kind = umlKind
		if p.Linux == "" {
			version, _, _ = strings.Cut(p.Version, "um")
		}
	}
	if p.Arch != debianArch() {
		version += ":" + p.Arch
	}
	return kind + ":" + version
}

// fetch has apt put a package into dir. apt compares it with the checksum in its signed lists.
func fetch(ctx context.Context, p Package, dir string) (string, error) {
	full := p.Name + "=" + p.Version
	if p.Arch != debianArch() && p.Arch != "all" {
		full = p.Name + ":" + p.Arch + "=" + p.Version
	}
	if _, err := output(ctx, dir, "apt-get", "download", full); err != nil {
		return "", err
	}
	// The file's name has the version with other characters for some of it.
	found, err := filepath.Glob(filepath.Join(dir, p.Name+"_*.deb"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("apt-get download %s left no package: %w", full, os.ErrNotExist)
	}
	return found[0], nil
}
