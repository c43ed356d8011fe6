package image_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"

	"labrun/lab/kernel/image"
)

// FuzzKernel opens files that claim to be kernels, as whoever sends one may have made them: the answer is what kind of
// machine boots it, or an error, in one line.
func FuzzKernel(f *testing.F) {
	f.Add([]byte(bzImage("6.1.0-50-amd64", "6.1.176-1")))
	f.Add([]byte(bzImage("6.1.0-50-amd64", "6.1.176-1"))[:0x20b])
	for at, magic := range map[int]string{0: "\x7fELF\x02\x01\x01", 0x38: "ARM\x64", 4: "S390EP"} {
		head := make([]byte, 256)
		copy(head[at:], magic)
		f.Add(append(head, "Linux version 6.1.0-50 (a) #1 SMP Debian 6.1.176-1 (2026-08-29)\n"...))
	}
	if self, err := os.Executable(); err == nil && runtime.GOOS == "linux" {
		if program, err := os.ReadFile(self); err == nil {
			f.Add(program[:4096])
		}
	}
	file := filepath.Join(f.TempDir(), "kernel")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := image.OpenFile(file)
		switch {
		case err != nil && strings.Contains(err.Error(), "\n"):
			t.Errorf("an error of several lines: %v", err)
		case err == nil && i.Machine == "":
			t.Error("opened, but it names no machine")
		case err == nil && strings.ContainsFunc(i.Release, unicode.IsControl):
			t.Errorf("a release that no terminal should get: %q", i.Release)
		}
	})
}

// FuzzControl reads control files, which a package's author has written.
func FuzzControl(f *testing.F) {
	f.Add("Package: linux-image-6.1.0-50-amd64\nVersion: 6.1.176-1\nArchitecture: amd64\nDepends: a (= 1), b\n\nPackage: x\n")
	f.Add("Package: user-mode-linux\nVersion: 6.1um4+b13\nBuilt-Using: linux (= 6.1.176-1)\n folded\n\n \n:\n")
	f.Add("Package: linux-image-/../../x\nVersion: 1\nArchitecture: amd64\n")
	f.Fuzz(func(t *testing.T, text string) {
		// Names that begin with a dot are those of folders that are not whole.
		if folder := image.FolderOf(text); folder != "" && (folder != filepath.Base(folder) || folder[0] == '.') {
			t.Errorf("a package whose folder in the cache is %q", folder)
		}
	})
}

// FuzzCompareVersions: versions of packages have one order.
func FuzzCompareVersions(f *testing.F) {
	f.Add("6.1~rc1", "6.1", "6.1-1")
	f.Add("007", "7", "7a")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, ba, bc, ac := image.CompareVersions(a, b), image.CompareVersions(b, a), image.CompareVersions(b, c), image.CompareVersions(a, c)
		if ab > 0 != (ba < 0) || ab == 0 != (ba == 0) || image.CompareVersions(a, a) != 0 {
			t.Errorf("%q and %q: %d and %d", a, b, ab, ba)
		}
		if ab <= 0 && bc <= 0 && ac > 0 {
			t.Errorf("%q <= %q <= %q, and the first is greater than the last", a, b, c)
		}
	})
}
