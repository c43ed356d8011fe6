package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
)

// matches reports whether a package has the kernel that a name means: the release line or version of the
// kernel, the version of the package, or what uname -r says, with or without what follows the number.
func (n name) matches(p Package) bool {
	if (p.Name == umlPackage) != (n.kind == umlKind) || p.Arch != n.arch {
		return false
	}
	v := n.version
	return v == "" || n.names(p) || strings.HasPrefix(p.kernel().String()+".", v+".")
}

// names reports whether a name is that of this package alone, and not of others that may come.
func (n name) names(p Package) bool {
	_, release := p.release()
	short, _, _ := strings.Cut(strings.TrimSuffix(release, "-"+p.Arch), "-cloud")
	return slices.Contains([]string{release, short, p.Version, p.kernel().String()}, n.version) && n.version != "" &&
		(p.kernel()[2] != 0 || n.version != p.kernel().String())
}

// openPackaged finds the kernel that debian:VERSION or um:VERSION means.
func openPackaged(ctx context.Context, spec string, n name) (Image, error) {
	exact, o, cached, err := n.find(ctx)
	if err == nil && exact != nil {
		exact.used()
		exact.Spec = spec
		return exact.Image, nil
	}
	var k Cached
	if err == nil {
		k, err = keep(ctx, o.Parts, spec, true)
	}
	return k.Image, instead(err, cached)
}

// find returns what a name means: a kernel of the cache that it names exactly, or else what apt has of it. cached
// are those of the cache that it may mean.
func (n name) find(ctx context.Context) (exact *Cached, o Offer, cached []Cached, err error) {
	if cached, err = List(); err != nil {
		return nil, o, nil, err
	}
	cached = slices.DeleteFunc(cached, func(k Cached) bool { return !k.FromApt || !n.matches(k.source()) })
	slices.Reverse(cached) // newest first
	// One that is named exactly is used without asking apt, which may have only newer ones by now.
	if i := slices.IndexFunc(cached, func(k Cached) bool { return n.names(k.source()) }); i >= 0 {
		return &cached[i], o, cached, nil
	}
	offers, err := Offers(ctx, n.arch)
	if err == nil {
		o, err = n.choose(ctx, offers)
	}
	return nil, o, cached, err
}

// VersionOf returns the version of the kernel that a name means, without fetching it. It is an error where that
// cannot be told before it boots.
func VersionOf(ctx context.Context, spec string) (lab.KernelVersion, error) {
	n, err := parse(spec)
	if err != nil {
		return lab.KernelVersion{}, err
	}
	var v lab.KernelVersion
	if n != nil && n.kind != gvisorKind {
		exact, o, cached, err := n.find(ctx)
		if err != nil {
			return v, instead(err, cached)
		}
		if v = o.Version; exact != nil {
			v = exact.Version
		}
	} else {
		i, err := Open(ctx, spec)
		if err != nil {
			return v, err
		}
		v = i.Version
	}
	if v == (lab.KernelVersion{}) {
		return v, errors.New("it does not say which version it is")
	}
	return v, nil
}

// instead adds to an error which of the kernels that a name may mean are in the cache.
func instead(err error, cached []Cached) error {
	if err == nil || len(cached) == 0 {
		return err
	}
	var names []string
	for _, k := range cached {
		names = append(names, k.Spec)
	}
	return fmt.Errorf("%w; the cache has %s", err, strings.Join(slices.Compact(names), ", "))
}

// source describes the package that a kernel of the cache is from.
func (k Cached) source() Package {
	p := Package{Name: k.Package, Version: k.Debian, Arch: k.arch}
	// Of kernels in two packages, the first has the name.
	if release, ok := strings.CutPrefix(p.Name, "linux-binary-"); ok {
		p.Name = "linux-image-" + release
	}
	if p.Name == umlPackage {
		p.Linux = k.Version.String()
	}
	return p
}

// choose returns the newest kernel that a name means and whose parts can all be had: one for guests, or another
// one where there is none.
func (n name) choose(ctx context.Context, offers []Offer) (Offer, error) {
	var whole, broken []Offer
	var lines []string // that apt has any kernel of, newest first
	for _, o := range offers {
		if n.kind == umlKind != (o.Parts[0].Name == umlPackage) {
			continue
		}
		first := o.Parts[0]
		if release, ok := strings.CutPrefix(first.Name, "linux-binary-"); ok {
			first.Name = "linux-image-" + release
		}
		switch {
		case !n.matches(first):
		case o.Lacks != "":
			broken = append(broken, o)
		default:
			whole = append(whole, o)
		}
		if o.Lacks == "" {
			lines = append(lines, line(o.Version))
		}
	}
	if o, ok := Newest(whole); ok {
		return o, nil
	}
	if len(broken) > 0 {
		return Offer{}, fmt.Errorf("apt has %s and no %s, which it depends on: Debian keeps them for its newest "+
			"kernels alone", broken[0].Parts[0], broken[0].Lacks)
	}
	lines = slices.Compact(lines)
	slices.Reverse(lines)
	return Offer{}, n.unknown(ctx, offers, lines)
}

// Newest returns the kernel of some that apt knows, newest first, which a name that means them all means: the
// first one for guests, or of any kind where there is none. ok is false where none of them can be had.
func Newest(offers []Offer) (o Offer, ok bool) {
	whole := slices.DeleteFunc(slices.Clone(offers), func(o Offer) bool { return o.Lacks != "" })
	i := max(0, slices.IndexFunc(whole, Offer.cloud))
	switch {
	case len(whole) > 0:
		return whole[i], true
	case len(offers) > 0:
		return offers[0], false
	}
	return Offer{}, false
}

// suites are Debian's suites that have a release line of the kernel, as of the end of 2026, oldest suite first.
// Every suite keeps the line that it was released with; backports have had all since.
var suites = []struct {
	suite string
	lines []string
}{
	{"bullseye", []string{"5.10"}},
	{"bookworm", []string{"6.1"}},
	{"bookworm-backports", []string{"6.4", "6.5", "6.6", "6.7", "6.9", "6.10", "6.11"}},
	{"trixie", []string{"6.12"}},
	{"trixie-backports", []string{"6.16", "6.17", "6.18", "7.3"}},
	{"forky", []string{"7.2"}},
}

// suiteOf returns the suite that has a release line, of User-mode Linux where uml is true, which backports
// do not have; "" where labrun knows of none.
func suiteOf(line string, uml bool) string {
	for _, s := range suites {
		if slices.Contains(s.lines, line) && !(uml && strings.HasSuffix(s.suite, backports)) {
			return s.suite
		}
	}
	return ""
}

const backports = "-backports"

// unknown says why apt has no such kernel, and what to do: which of the line it has, or which suite has the line.
func (n name) unknown(ctx context.Context, offers []Offer, lines []string) error {
	what := "Linux"
	if n.kind == umlKind {
		what = "User-mode Linux"
	}
	if len(lines) == 0 {
		if n.arch != debianArch() {
			return fmt.Errorf("apt knows no kernel for %s; run dpkg --add-architecture %[1]s and apt-get update as root", n.arch)
		}
		if len(offers) == 0 {
			return fmt.Errorf("apt knows no kernel of Debian's; run apt-get update as root, where its sources are Debian's")
		}
	}
	has := strings.TrimRight(fmt.Sprintf("apt knows no %s %s", what, n.version), " ")
	if len(lines) > 0 {
		has += ", only " + strings.Join(lines, ", ")
	}
	v, err := lab.ParseKernelVersion(n.version)
	if err != nil {
		return errors.New(has)
	}
	if slices.Contains(lines, line(v)) {
		var points []string
		for _, o := range offers {
			if o.Lacks == "" && line(o.Version) == line(v) && (o.Parts[0].Name == umlPackage) == (n.kind == umlKind) {
				points = append(points, o.Version.String())
			}
		}
		slices.Reverse(points)
		return fmt.Errorf("apt knows no %s %s, only %s of that release line: Debian keeps the newest ones", what, n.version,
			strings.Join(slices.Compact(points), ", "))
	}
	suite := suiteOf(line(v), n.kind == umlKind)
	if suite == "" {
		return fmt.Errorf("%s; labrun does not know which suite of Debian has %s %s", has, what, line(v))
	}
	return fmt.Errorf("%s; Debian's suite %s has it%s", has, suite, sourceLine(ctx, suite))
}

// sourceLine says how apt gets to know a suite, in the words of the machine's own sources: where Debian comes from
// only they know.
func sourceLine(ctx context.Context, suite string) string {
	text, err := output(ctx, "", "apt-get", "indextargets", "Created-By: Packages")
	if err != nil {
		return ""
	}
	for _, t := range parseControl(text) {
		if t["Origin"] != "Debian" || t["Component"] != "main" || t["Repo-URI"] == "" ||
			strings.Contains(t["Label"], "Security") {
			continue
		}
		if t["Codename"] == suite {
			return ", and apt knows that suite: run apt-get update as root"
		}
		file := "/etc/apt/sources.list.d/" + suite + ".list"
		add := fmt.Sprintf(". Put this line into %s, and run apt-get update, as root:\n    deb %s %s main", file,
			t["Repo-URI"], suite)
		if strings.HasSuffix(suite, backports) {
			return add // nothing is upgraded to a version of backports
		}
		return fmt.Sprintf("%s\nand these into /etc/apt/preferences.d/%s, so that nothing is upgraded to that suite:\n"+
			"    Package: *\n    Pin: release n=%[2]s\n    Pin-Priority: 1", add, suite)
	}
	return ""
}
