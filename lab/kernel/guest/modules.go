package guest

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// module is a module of a kernel, as the guest's index has it. Which of them a lab needs the guest's
// kernel finds out by itself: it asks for "rtnl-link-vrf" where a NIC is one, as on any machine.
type module struct {
	Name    string   `json:"name"`
	File    string   `json:"file"` // in the initramfs
	Depends []string `json:"depends,omitempty"`
	Aliases []string `json:"aliases,omitempty"` // other names that the kernel asks for it by; "*" matches all
}

// folders are those of a kernel's modules, and modules, that labs may need: protocols, kinds of
// links, queueing disciplines, tables, what they encrypt with, and file systems. There may be
// thousands of others, of hardware that no guest has.
var folders = []string{
	"net/802", "net/8021q", "net/bridge", "net/core", "net/ipv4", "net/ipv6", "net/key", "net/llc", "net/mpls",
	"net/mptcp", "net/netfilter", "net/netlink", "net/packet", "net/sched", "net/sctp", "net/tls", "net/unix", "net/xdp", "net/xfrm",
	"net/9p", "net/dccp", "net/hsr", "net/smc",
	"drivers/net/bonding", "drivers/net/ipvlan", "drivers/net/macvlan.ko", "drivers/net/macvtap.ko",
	"drivers/net/dummy.ko", "drivers/net/ifb.ko", "drivers/net/tap.ko", "drivers/net/team", "drivers/net/tun.ko", "drivers/net/veth.ko",
	"drivers/net/vrf.ko", "drivers/net/vxlan", "drivers/net/vxlan.ko", "drivers/net/geneve.ko", "drivers/net/wireguard",
	"drivers/net/macsec.ko", "drivers/net/netkit.ko", "drivers/net/nlmon.ko",
	"drivers/virtio", "drivers/char/virtio_console.ko", "drivers/s390/virtio",
	"fs/overlayfs", "fs/9p", "fs/netfs", "fs/fscache", "fs/fuse",
	"crypto", "lib", "arch",
}

// isWanted reports whether the modules of a folder below kernel/ are taken along. Folders on the
// way to one are walked.
func isWanted(name string) (take, walk bool) {
	for _, f := range folders {
		if strings.HasPrefix(name+"/", f+"/") || strings.HasSuffix(f, ".ko") && strings.HasPrefix(name, f) {
			return !strings.HasPrefix(name, "arch/") || !strings.Contains(name, "/kvm"), true
		}
		walk = walk || strings.HasPrefix(f, name+"/")
	}
	return false, walk || name == "."
}

// indexModules describes those modules of a folder lib/modules/VERSION that labs may need. To decompress them takes
// up to 15 s, so what comes of it is remembered.
func indexModules(dir string) ([]module, error) {
	paths, err := findModules(dir)
	if err != nil {
		return nil, err
	}
	return remembered(paths, describeModules)
}

// findModules returns the files of those modules.
func findModules(dir string) ([]string, error) {
	var paths []string
	kernel := filepath.Join(dir, "kernel")
	err := filepath.WalkDir(kernel, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(kernel, file)
		if err != nil {
			return err
		}
		take, walk := isWanted(filepath.ToSlash(rel))
		switch {
		case d.IsDir() && !walk:
			return fs.SkipDir
		case !d.IsDir() && take && strings.Contains(path.Base(rel), ".ko"):
			paths = append(paths, file)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read modules: %w", err)
	}
	slices.Sort(paths)
	return paths, nil
}

// describeModules reads modules.
func describeModules(paths []string) ([]module, error) {
	all, errs := make([]module, len(paths)), make([]error, len(paths))
	var group sync.WaitGroup
	workers := runtime.NumCPU()
	for worker := range workers { // what takes time is to decompress
		group.Go(func() {
			for i := worker; i < len(paths); i += workers {
				content, err := readModule(paths[i])
				if err == nil {
					all[i], err = describe(content)
				}
				if err != nil {
					errs[i] = fmt.Errorf("%s: %w", paths[i], err)
				}
				all[i].File = paths[i]
			}
		})
	}
	group.Wait()
	return all, errors.Join(errs...)
}

// packModules adds modules to an archive, and an index. Most of them no lab ever needs, so they stay
// compressed; those that all need are not, which an emulated machine is slow at.
func packModules(a *archive, all []module, atOnce []string) error {
	var index bytes.Buffer
	enc := json.NewEncoder(&index)
	needed := closure(all, atOnce)
	for _, m := range all {
		content, err := os.ReadFile(m.File)
		inside := "lib/modules/" + path.Base(m.File)
		if needed[m.Name] {
			content, err = readModule(m.File)
			inside = "lib/modules/" + m.Name + ".ko"
		}
		if err != nil {
			return err
		}
		m.File = inside
		if err := enc.Encode(m); err != nil {
			return err
		}
		a.file(m.File, cpioFile, content)
	}
	a.file(indexFile, cpioFile, index.Bytes())
	return a.err
}

// closure returns the names of modules and of those that they depend on.
func closure(all []module, names []string) map[string]bool {
	found := map[string]bool{}
	for len(names) > 0 {
		name := strings.ReplaceAll(names[0], "-", "_")
		names = names[1:]
		if i := slices.IndexFunc(all, func(m module) bool { return m.Name == name }); i >= 0 && !found[name] {
			found[name] = true
			names = append(names, all[i].Depends...)
		}
	}
	return found
}

const indexFile = "lib/modules/index"

// atOnce are the modules that every lab needs, and those that sock_diag(7) asks for. A program that is
// started for each would take as long as booting.
var atOnce = []string{"veth", "bridge", "tcp_diag", "udp_diag", "unix_diag", "raw_diag", "mptcp_diag"}

// readModule returns a module, decompressed.
func readModule(file string) ([]byte, error) {
	content, err := os.ReadFile(file) // whole: the reader of xz reads byte by byte, each with a call if it is let
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := unpack(&b, content); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(b.Bytes(), []byte(elf.ELFMAG)) {
		return nil, errors.New("compressed in a way that labrun does not know; it knows .ko, .ko.xz, .ko.zst and .ko.gz")
	}
	return b.Bytes(), nil
}

// describe reads a module's section .modinfo: "depends=bridge,llc", "alias=rtnl-link-vrf".
func describe(content []byte) (m module, err error) {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return m, err
	}
	s := f.Section(".modinfo")
	if s == nil {
		return m, errors.New("not a module of Linux: it has no section .modinfo")
	}
	text, err := s.Data()
	if err != nil {
		return m, err
	}
	for line := range strings.SplitSeq(string(text), "\x00") {
		key, value, _ := strings.Cut(line, "=")
		switch {
		case key == "name":
			m.Name = value
		case key == "depends" && value != "":
			m.Depends = strings.Split(value, ",")
		case key == "alias":
			m.Aliases = append(m.Aliases, value)
		}
	}
	return m, nil
}
