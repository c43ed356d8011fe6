package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/kernel/image"
)

// debian is a machine with apt, of the test: programs in PATH that answer from its folder.
type debian struct {
	t    *testing.T
	dir  string
	arch string
	// What apt-cache prints.
	names, shown strings.Builder
}

// The programs of a debian. Its packages are the magic of one, a control file, an empty line, and a tar. What
// they are asked is kept, for tests of what is not asked.
var fakes = map[string]string{
	"apt-cache": `case $1 in
pkgnames) cat "$D/names" ;;
show)
  shift
  awk -v want=" $(echo "$*" | sed 's/:[a-z0-9]*//g') " \
    'BEGIN{RS="";ORS="\n\n"} index(want, " " substr($2,1) " ")' "$D/shown" ;;
esac`,
	"apt-get": `case $1 in
download)
  [ ! -e "$D/offline" ] || { echo "E: Failed to fetch http://example.invalid/x.deb  No such host" >&2
    echo "E: Unable to fetch some archives" >&2; exit 100; }
  p=${2%%=*} v=${2#*=}; cp "$D/pool/${p%:*}_$v"_*.deb . ;;
indextargets) cat "$D/targets" ;;
esac`,
	"dpkg-deb": `case $1 in
--field) LC_ALL=C sed -n '2,/^$/p' "$2" ;;
--fsys-tarfile)
  LC_ALL=C sed '1,/^$/d' "$2"
  [ ! -e "$D/corrupt" ] || { echo "dpkg-deb: error: archive is cut" >&2; exit 2; } ;;
esac`,
}

func newDebian(t *testing.T) *debian {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the programs of this test are for sh(1)")
	}
	d := &debian{t: t, dir: t.TempDir(), arch: runtime.GOARCH}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(d.dir, "cache"))
	t.Setenv("HOME", d.dir) // where macOS has its cache
	t.Setenv("PATH", filepath.Join(d.dir, "bin")+":"+os.Getenv("PATH"))
	for name, script := range fakes {
		d.write("bin/"+name, fmt.Sprintf("#!/bin/sh\nD=%s\necho \"%s $*\" >>\"$D/asked\"\n%s\n", d.dir, name, script), 0o755)
	}
	d.write("targets", "Origin: Debian\nLabel: Debian-Security\nCodename: bookworm-security\nComponent: main\n"+
		"Repo-URI: http://security.example/debian\n\n"+
		"Origin: Debian\nLabel: Debian\nCodename: bookworm\nComponent: main\nRepo-URI: http://mirror.example/debian\n", 0o644)
	image.ForgetApt()
	t.Cleanup(image.ForgetApt)
	return d
}

func (d *debian) write(name, text string, mode os.FileMode) string {
	d.t.Helper()
	file := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		d.t.Fatal(err)
	}
	return file
}

// pack puts a package into the pool, and into what apt knows. Files have text that stands for their content.
func (d *debian) pack(name, version, more string, files map[string]string) string {
	d.t.Helper()
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\n%s", name, version, d.arch, more)
	var b bytes.Buffer
	fmt.Fprintf(&b, "!<arch>\n%s\n", control)
	w := tar.NewWriter(&b)
	var sorted []string
	for f := range files {
		sorted = append(sorted, f)
	}
	slices.Sort(sorted)
	for _, f := range sorted {
		h := tar.Header{Name: f, Mode: 0o4755, Size: int64(len(files[f])), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(&h); err != nil {
			d.t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[f])); err != nil {
			d.t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"./boot/vmlinuz-link": "/etc/passwd", "./lib/modules/out": "/"} {
		if err := w.WriteHeader(&tar.Header{Name: link, Linkname: to, Typeflag: tar.TypeSymlink}); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		d.t.Fatal(err)
	}
	fmt.Fprintln(&d.names, name)
	// What apt has of it stands in its lists: a checksum, and the size.
	fmt.Fprintf(&d.shown, "%sSize: %d\nSHA256: %s-%s\n\n", control, b.Len(), name, version)
	d.write("names", d.names.String(), 0o644)
	d.write("shown", d.shown.String(), 0o644)
	return d.write(fmt.Sprintf("pool/%s_%s_%s.deb", name, version, d.arch), b.String(), 0o644)
}

// kernel packs one as Debian did until 6.18: the kernel that calls itself release is really version.
func (d *debian) kernel(release, version string) string {
	release += "-" + d.arch
	return d.pack("linux-image-"+release, version, "", map[string]string{
		"./boot/vmlinuz-" + release:                             bzImage(release, version),
		"./lib/modules/" + release + "/kernel/net/core/veth.ko": "veth",
		"./usr/share/doc/linux/copyright":                       "not wanted",
		"../../escaped":                                         "not wanted",
	})
}

// split packs one as Debian does since 6.19.
func (d *debian) split(release, version string, parts ...string) {
	release += "-" + d.arch
	d.pack("linux-image-"+release, version, fmt.Sprintf("Depends: dracut | initramfs-tools, linux-binary-%s (= %s), "+
		"linux-modules-%[1]s (= %[2]s)\n", release, version), nil)
	for _, p := range parts {
		name, content := "vmlinuz", bzImage(release, version)
		if p == "modules" {
			name, content = "kernel/net/core/veth.ko", "veth"
		}
		d.pack("linux-"+p+"-"+release, version, "", map[string]string{"./usr/lib/modules/" + release + "/" + name: content})
	}
}

// pool returns the file of a package.
func (d *debian) pool(name, version string) string {
	return filepath.Join(d.dir, "pool", fmt.Sprintf("%s-%s_%s_%[2]s.deb", name, d.arch, version))
}

// bzImage is the head of a kernel of x86-64 (Documentation/arch/x86/boot.rst).
func bzImage(release, version string) string {
	head := make([]byte, 0x400)
	copy(head[0x202:], "HdrS")
	head[0x20f] = 1
	copy(head[0x300:], fmt.Sprintf("%s (debian-kernel@lists.debian.org) #1 SMP Debian %s (2026-07-02)\x00", release,
		version))
	return string(head)
}

func (d *debian) open(spec string) (image.Image, error) {
	if err := image.Check(spec); err != nil {
		return image.Image{}, fmt.Errorf("mistake: %w", err)
	}
	return image.Open(context.Background(), spec)
}

// asked returns how often a program was called so.
func (d *debian) asked(words string) int {
	text, err := os.ReadFile(filepath.Join(d.dir, "asked"))
	if err != nil {
		return 0
	}
	return strings.Count(string(text), words)
}

// files returns what the cache has, with the kernels' folders shortened to their packages.
func (d *debian) files() []string {
	var all []string
	root, err := os.UserCacheDir()
	if err != nil {
		d.t.Fatal(err)
	}
	root = filepath.Join(root, "labrun", "kernels")
	err = filepath.WalkDir(root, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		folder, rest, _ := strings.Cut(filepath.ToSlash(rel), "/")
		folder, _, _ = strings.Cut(folder, "_")
		all = append(all, folder+"/"+rest)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		d.t.Fatal(err)
	}
	return all
}

func TestDeb(t *testing.T) {
	d := newDebian(t)
	file := d.kernel("6.1.0-50-cloud", "6.1.176-1")
	for range 2 {
		i, err := d.open(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.String(); got != "6.1.176 ("+file+")" || i.Machine != "x86_64" ||
			!strings.HasSuffix(i.Modules, "/lib/modules/"+i.Release) {
			t.Errorf("found %s, %+v", got, i)
		}
		if st, err := os.Stat(i.Kernel); err != nil || st.Mode() != 0o755 {
			t.Errorf("%v, %v: a stranger's file must not run as another user", st, err)
		}
	}
	if n := d.asked("--fsys-tarfile"); n != 1 {
		t.Errorf("unpacked %d times", n)
	}
	folder := "linux-image-6.1.0-50-cloud-" + d.arch
	want := []string{folder + "/about", folder + "/boot/vmlinuz-6.1.0-50-cloud-" + d.arch,
		folder + "/lib/modules/6.1.0-50-cloud-" + d.arch + "/kernel/net/core/veth.ko"}
	if diff := cmp.Diff(want, d.files()); diff != "" {
		t.Errorf("the cache (-want +got):\n%s", diff)
	}
	if i, err := d.open("debian:6.1.176"); err != nil || d.asked("apt-get download") != 1 {
		t.Errorf("%v, %v: apt has not said that the file's kernel is Debian's", i, err)
	}
}

func TestSplitDeb(t *testing.T) {
	d := newDebian(t)
	d.split("7.3.4+deb13-cloud", "7.3.4-1~bpo13+1", "binary", "modules")
	for _, part := range []string{"image", "binary", "modules"} {
		i, err := d.open(d.pool("linux-"+part+"-7.3.4+deb13-cloud", "7.3.4-1~bpo13+1"))
		if err != nil || i.Version.String() != "7.3.4" || i.Modules == "" {
			t.Errorf("%s: %v, %+v", part, err, i)
		}
	}
	if n := d.asked("--fsys-tarfile"); n != 2 {
		t.Errorf("unpacked %d packages", n)
	}
	alone := newDebian(t)
	alone.split("7.3.4+deb13-cloud", "7.3.4-1", "binary")
	_, err := alone.open(alone.pool("linux-binary-7.3.4+deb13-cloud", "7.3.4-1"))
	want := fmt.Sprintf("the kernel of package linux-binary-7.3.4+deb13-cloud-%s 7.3.4-1 is in two, and "+
		"linux-modules-7.3.4+deb13-cloud-%[1]s_7.3.4-1_%[1]s.deb is not beside it", d.arch)
	if err == nil || err.Error() != want {
		t.Errorf("without its modules: %v, want %s", err, want)
	}
}

// TestDebian: which of the kernels that apt knows a name means.
func TestDebian(t *testing.T) {
	d := newDebian(t)
	d.pack("linux-image-cloud-"+d.arch, "6.1.192-3", "", nil) // depends on the newest
	d.kernel("6.1.0-9-cloud", "6.1.27-1")
	d.kernel("6.1.0-50-cloud", "6.1.176-1")
	d.kernel("6.1.0-55-cloud", "6.1.192-1")
	d.kernel("6.1.0-56-cloud", "6.1.192-2")
	d.kernel("6.1.0-57", "6.1.192-3")
	d.kernel("6.1.0-57-rt", "6.1.192-3")
	d.kernel("6.18.15+deb13", "6.18.15-1~bpo13+1")
	d.split("7.1.13+deb13-cloud", "7.1.13-1~bpo13+1", "binary")
	d.split("7.0.12+deb13-cloud", "7.0.12-1~bpo13+1", "binary", "modules")
	fmt.Fprintf(&d.names, "linux-image-6.1.0-99-cloud-%s\n", d.arch) // stands in a dependency only
	d.write("names", d.names.String(), 0o644)
	for spec, want := range map[string]string{
		"debian:6.1":                      "6.1.0-56-cloud", // -57 is not for guests
		"debian:6.1.176":                  "6.1.0-50-cloud",
		"debian:6.1.176-1":                "6.1.0-50-cloud",
		"debian:6.1.0-50":                 "6.1.0-50-cloud",
		"debian:6.1.0-57":                 "6.1.0-57",
		"debian:6.1.192-1":                "6.1.0-55-cloud",
		"debian:6.1.27":                   "6.1.0-9-cloud", // newer than 6.1.176 to no one
		"debian:6.18":                     "6.18.15+deb13",
		"debian:6":                        "6.1.0-56-cloud",
		"debian:7.0":                      "7.0.12+deb13-cloud",
		"debian":                          "7.0.12+deb13-cloud", // of 7.1 the modules are not to be had
		"debian:" + "6.1.0-57-" + d.arch:  "6.1.0-57",
		"debian:6.1.0-56-cloud-" + d.arch: "6.1.0-56-cloud",
	} {
		i, err := d.open(spec)
		if err != nil || i.Release != want+"-"+d.arch || i.Spec != spec {
			t.Errorf("%s: %v, %s is %s, want %s", spec, err, i.Spec, i.Release, want)
		}
	}
	if n := d.asked("pkgnames"); n != 1 {
		t.Errorf("apt was asked %d times for its lists", n)
	}
	for spec, want := range map[string]string{
		"debian:7.1": fmt.Sprintf("apt has linux-image-7.1.13+deb13-cloud-%s=7.1.13-1~bpo13+1 and no "+
			"linux-modules-7.1.13+deb13-cloud-%[1]s, which it depends on: Debian keeps them for its newest "+
			"kernels alone", d.arch),
		"debian:6.1.33": "apt knows no Linux 6.1.33, only 6.1.27, 6.1.176, 6.1.192 of that release line: " +
			"Debian keeps the newest ones",
		"debian:5.4": "apt knows no Linux 5.4, only 6.1, 6.18, 7.0; labrun does not know which suite of Debian " +
			"has Linux 5.4",
		"debian:6.17": "apt knows no Linux 6.17, only 6.1, 6.18, 7.0; Debian's suite trixie-backports has it. Put this " +
			"line into /etc/apt/sources.list.d/trixie-backports.list, and run apt-get update, as root:\n" +
			"    deb http://mirror.example/debian trixie-backports main",
		"debian:6.12": "apt knows no Linux 6.12, only 6.1, 6.18, 7.0; Debian's suite trixie has it. Put this line into " +
			"/etc/apt/sources.list.d/trixie.list, and run apt-get update, as root:\n" +
			"    deb http://mirror.example/debian trixie main\n" +
			"and these into /etc/apt/preferences.d/trixie, so that nothing is upgraded to that suite:\n" +
			"    Package: *\n    Pin: release n=trixie\n    Pin-Priority: 1",
		"um:6.1": "apt knows no User-mode Linux 6.1; Debian's suite bookworm has it, and apt knows that " +
			"suite: run apt-get update as root",
	} {
		if _, err := d.open(spec); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", spec, err, want)
		}
	}
}

// TestExactName: a kernel that is named exactly and is in the cache is used without apt; of a release line
// apt says which is the newest.
func TestExactName(t *testing.T) {
	d := newDebian(t)
	d.kernel("6.1.0-50-cloud", "6.1.176-1")
	if _, err := d.open("debian:6.1"); err != nil {
		t.Fatal(err)
	}
	d.kernel("6.1.0-56-cloud", "6.1.192-2")
	image.ForgetApt() // another run
	before := d.asked("apt-")
	if i, err := d.open("debian:6.1.176"); err != nil || i.Version.String() != "6.1.176" {
		t.Errorf("%v, %v", i, err)
	}
	if n := d.asked("apt-") - before; n != 0 {
		t.Errorf("apt was asked %d times", n)
	}
	d.write("offline", "", 0o644)
	_, err := d.open("debian:6.1")
	if want := "apt-get: Failed to fetch http://example.invalid/x.deb  No such host; Unable to fetch some archives; " +
		"the cache has debian:6.1.176"; err == nil || err.Error() != want {
		t.Errorf("without a network: %v, want %s", err, want)
	}
	os.Remove(filepath.Join(d.dir, "offline"))
	if i, err := d.open("debian:6.1"); err != nil || i.Version.String() != "6.1.192" {
		t.Errorf("%v, %v: the cache has an older one, apt a newer one", i, err)
	}
}

// TestVersionOf: what version a name means is told without fetching it, and where it cannot be told, why.
func TestVersionOf(t *testing.T) {
	d := newDebian(t)
	d.kernel("6.1.0-50-cloud", "6.1.176-1")
	if _, err := d.open("debian:6.1.176"); err != nil {
		t.Fatal(err)
	}
	d.kernel("6.1.0-56-cloud", "6.1.192-2")
	image.ForgetApt() // another run
	fetched := d.asked("apt-get download")
	for spec, want := range map[string]string{"debian:6.1": "6.1.192", "debian:6.1.176": "6.1.176"} {
		if v, err := image.VersionOf(t.Context(), spec); err != nil || v.String() != want {
			t.Errorf("%s: %v, %v, want %s", spec, v, err, want)
		}
	}
	if n := d.asked("apt-get download") - fetched; n != 0 {
		t.Errorf("%d kernels were fetched", n)
	}
	for spec, want := range map[string]string{
		"debian:5.4": "apt knows no Linux 5.4, only 6.1; labrun does not know which suite of Debian has Linux 5.4",
		"debian:":    "nothing stands after the colon; the name is debian or debian:VERSION",
		d.dir:        "the folder has no kernel, no boot/vmlinuz* and no lib/modules/*/vmlinuz",
	} {
		if _, err := image.VersionOf(t.Context(), spec); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", spec, err, want)
		}
	}
}

// TestNothingHalf: neither a package that is cut nor a labrun that is killed leaves a kernel that looks whole,
// and several that want the same one get it.
func TestNothingHalf(t *testing.T) {
	d := newDebian(t)
	file := d.kernel("6.1.0-50-cloud", "6.1.176-1")
	d.write("corrupt", "", 0o644)
	if _, err := d.open(file); err == nil || !strings.HasSuffix(err.Error(), ".deb: dpkg-deb: archive is cut") {
		t.Errorf("a package that is cut: %v", err)
	}
	if got := d.files(); len(got) != 0 {
		t.Errorf("it left %q", got)
	}
	os.Remove(filepath.Join(d.dir, "corrupt"))
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(cache, "labrun", "kernels", ".unfinished-1", "boot")
	if err := os.MkdirAll(dead, 0o755); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := d.open(file); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("what a killed labrun had begun is there: %v", err)
	}
	kernels, err := image.List()
	if err != nil || len(kernels) != 1 || kernels[0].FromApt || kernels[0].Size < 1000 {
		t.Errorf("the cache has %+v, %v", kernels, err)
	}
	if err := kernels[0].Remove(); err != nil || len(d.files()) != 0 {
		t.Errorf("%v, %q is left", err, d.files())
	}
}

// TestPackageOfAStranger: the cache has a folder that is named as a package calls itself, and nothing beside it.
func TestPackageOfAStranger(t *testing.T) {
	d := newDebian(t)
	whole, err := os.ReadFile(d.kernel("6.1.0-50", "6.1.176-1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ field, is, says, wants string }{
		{"Package", "linux-image-6.1.0-50-" + d.arch, "linux-image-/../../../../outside", `"linux-image-/../../../../outside"`},
		{"Version", "6.1.176-1", "6.1/../../../../outside", `"6.1/../../../../outside"`},
		{"Version", "6.1.176-1", "6.1\n Name: debian:6.12", `"6.1\nName: debian:6.12"`},
		{"Architecture", d.arch, "../x", `"../x"`},
		{"Architecture", d.arch, "", `""`},
	} {
		file := d.write("a.deb", strings.Replace(string(whole), c.field+": "+c.is, c.field+": "+c.says, 1), 0o644)
		want := "the package's control file says " + c.field + ": " + c.wants + ", which Debian does not allow"
		if _, err := d.open(file); err == nil || err.Error() != want {
			t.Errorf("%s %q: %v, want %s", c.field, c.says, err, want)
		}
	}
	if names := d.files(); len(names) > 0 {
		t.Errorf("the cache has %q", names)
	}
	if found, err := filepath.Glob(filepath.Join(d.dir, "*outside*")); err != nil || len(found) > 0 {
		t.Errorf("beside the cache there are %q, %v", found, err)
	}
}

// TestReadFails: where what a program prints cannot be written, as on a full disk, it is not waited for, nor for
// its children, which write on: dpkg-deb has some.
func TestReadFails(t *testing.T) {
	d := newDebian(t)
	d.write("bin/dpkg-deb", "#!/bin/sh\n(yes; true) & wait\n", 0o755)
	full := errors.New("the disk is full")
	read := func(r io.Reader) error {
		_, err := r.Read(make([]byte, 1))
		return errors.Join(err, full)
	}
	if err := image.Run(context.Background(), "", read, "dpkg-deb"); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

// TestMissingPrograms: a machine that is not Debian's.
func TestMissingPrograms(t *testing.T) {
	d := newDebian(t)
	file := d.kernel("6.1.0-50-cloud", "6.1.176-1")
	t.Setenv("PATH", d.dir)
	for spec, want := range map[string]string{
		file: "this machine has no dpkg-deb, which is in Debian's package dpkg; give the kernel as a file or " +
			"as an unpacked folder instead",
		"debian:6.1": "this machine has no apt-cache, which is in Debian's package apt; give the kernel as a file or as an " +
			"unpacked folder instead",
		"gvisor": "this machine has no runsc in its path; install gVisor (Debian's package runsc), or give gvisor:PATH",
	} {
		if _, err := d.open(spec); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", spec, err, want)
		}
	}
}

// TestCheck: what is wrong with a name wherever it is used.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "two", "boot"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"two/boot/vmlinuz-1", "two/boot/vmlinuz-2", "text", "kernel"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(bzImage("6.2.0", "x")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("not a kernel"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for spec, want := range map[string]string{
		"kernel": "", "./kernel": "", "debian": "", "um:6.1": "", "debian:6.1:s390x": "", "um": "",
		"two": "it has 2 kernels, two/boot/vmlinuz-1, two/boot/vmlinuz-2; name one",
		"text": "it is not a kernel of an architecture that labrun knows; it knows vmlinuz " +
			"and bzImage of x86-64, Image of arm64 and riscv64, bzImage of s390x, and vmlinux",
		".":              "the folder has no kernel, no boot/vmlinuz* and no lib/modules/*/vmlinuz",
		"debain:6.1":     `no such file, did you mean "debian:6.1"?`,
		"umm:6.1":        `no such file, did you mean "um:6.1"?`,
		"6.1":            `no such file, did you mean "debian:6.1"?`,
		"hsot":           `no such file, did you mean "host"?`,
		"gvisor:./runsc": "no such file or directory",
		"gvisor:./text":  "permission denied",
		"gvizor":         `no such file, did you mean "gvisor"?`,
		"./vmlinuz":      "no such file; a kernel is host, " + image.Kinds,
		"debian:":        "nothing stands after the colon; the name is debian or debian:VERSION",
		"gvisor:":        "nothing stands after the colon; the name is gvisor or gvisor:PATH",
		"debian:six":     `"six" is not a version, such as 6.1 or 6.12.117`,
		"debian:6.1 ":    `"6.1 " is not a version, such as 6.1 or 6.12.117`,
		"debian:6.1:amd46": `"amd46" is not an architecture of Debian, did you mean "amd64"? labrun knows: ` +
			`amd64, arm64, i386, riscv64, s390x`,
	} {
		got := ""
		if err := image.Check(spec); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}

// TestUserMode: what is in the package of User-mode Linux is a program, and its version that of the kernel that it
// was built from.
func TestUserMode(t *testing.T) {
	d := newDebian(t)
	self, err := exec.LookPath("true") // any program that runs
	if err != nil {
		t.Skip(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	d.pack("user-mode-linux", "6.1um4+b13", "Built-Using: linux (= 6.1.176-1)\n", map[string]string{
		"./usr/bin/linux.uml": string(program) + "\x00Linux version 6.1.176 (sbuild) #1\n",
		"./usr/lib/uml/modules/6.1.176/kernel/drivers/net/dummy.ko": "dummy",
	})
	for _, spec := range []string{"um", "um:6.1", "um:6.1.176", "um:6.1um4+b13"} {
		i, err := d.open(spec)
		if err != nil || i.Version.String() != "6.1.176" || filepath.Base(i.Modules) != "6.1.176" || i.Libraries != "" {
			t.Errorf("%s: %v, %+v", spec, err, i)
		}
	}
	if n := d.asked("download"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	// As a package installs it, and by a link.
	i, err := d.open("um")
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "linux")
	if err := os.Symlink(i.Kernel, link); err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{i.Kernel, link} {
		if again, err := d.open(spec); err != nil || again.Modules != i.Modules {
			t.Errorf("%s: %v, modules in %q, want %q", spec, err, again.Modules, i.Modules)
		}
	}
}
