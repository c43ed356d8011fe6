// Command image packs labrun into a container image, without a daemon and from nothing: a static program, the folders
// that runtimes mount on, and no more. It is a module of its own, so that labrun needs none of what it takes.
//
//	go run . LABRUN NAME FILE.tar      # then: docker load, podman load, crane push, ctr image import
//
// The same program gives the same bytes: every date is SOURCE_DATE_EPOCH, or else 1970.
package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "image takes LABRUN, NAME and FILE.tar")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// Where the program is in an image, and as whom it runs: an ordinary user of no name.
const (
	program = "usr/bin/labrun"
	user    = "65532:65532"
)

// write makes the image of a program.
func write(file, as, out string) error {
	tag, err := name.NewTag(as)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt("0"+os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	image, err := imageOf(file, time.Unix(seconds, 0).UTC())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return tarball.WriteToFile(out, tag, image)
}

func imageOf(file string, date time.Time) (v1.Image, error) {
	machine, err := machineOf(file)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	files, err := filesOf(text, date)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }
	layer, err := tarball.LayerFromOpener(open)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", machine, v1.Time{Time: date}
	config.Config = v1.Config{Entrypoint: []string{"/" + program}, Env: []string{"PATH=/usr/bin"}, User: user,
		WorkingDir: "/"}
	return mutate.ConfigFile(image, config)
}

// machineOf returns the architecture of a program, by Go's name. One that needs libraries does not start where there are
// none.
func machineOf(file string) (string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.New("it needs libraries, and the image has none; build it with CGO_ENABLED=0")
		}
	}
	names := map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_S390: "s390x",
		elf.EM_RISCV: "riscv64"}
	if names[f.Machine] == "" {
		return "", fmt.Errorf("%s is none of the architectures that labrun runs on", f.Machine)
	}
	return names[f.Machine], nil
}

// filesOf returns the layer: the program, and folders. Labs mount on some of these, runtimes on others.
func filesOf(labrun []byte, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h tar.Header, text []byte) error {
		h.ModTime, h.Size = date, int64(len(text))
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		_, err := w.Write(text)
		return err
	}
	for _, dir := range []string{"dev", "etc", "files", "parts", "proc", "run", "sys", "usr", "usr/bin"} {
		if err := add(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, nil); err != nil {
			return nil, err
		}
	}
	err := errors.Join(add(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil),
		add(tar.Header{Typeflag: tar.TypeReg, Name: program, Mode: 0o755}, labrun), w.Close())
	return b.Bytes(), err
}
