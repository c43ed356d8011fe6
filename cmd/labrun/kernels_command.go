package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"labrun/lab/kernel/guest"
	"labrun/lab/kernel/image"
)

const kernelsHelp = `A kernel is asked with --kernel KERNEL, as often as you like, and each has a column of
its own. KERNEL is

    host              this machine's
    debian:6.1        the newest 6.1 of Debian's that this machine's apt knows;
                      also debian:6.12.117, debian:6.1.0-50, and debian for the
                      newest of all. debian:6.1:arm64 is one for another machine
    um:6.1            the same as User-mode Linux, which is a program and starts
                      faster
    gvisor            gVisor's runsc, in your path; gvisor:PATH elsewhere
    ./vmlinuz         a file: bzImage, vmlinuz, vmlinux, Image, or a User-mode
                      Linux. Its modules are found where it lies in boot or
                      lib/modules
    ./folder          one with boot/vmlinuz* and lib/modules, as packages unpack
    ./linux-image.deb a package; since 6.19 linux-binary-*.deb, with
                      linux-modules-*.deb beside it
    all               all that the cache has

A kernel boots in a guest without root, network or disk, so QEMU is needed for all but
User-mode Linux and gVisor. That one is not Linux, so conditions about versions of
Linux do not hold for it. It has no kernel parameters of a host, and shows no socket
that no process has open, as one in TIME_WAIT: cells that need those are skipped. It may
choose a port that the file names, once in 50 000 times.

--kernels-from FILE has one a line, and a topology may say kernels: [host, debian:6.1]
for itself. A column is named after the version that the kernel says, and after what you
typed too where another kernel says the same.

QEMU executes a guest by KVM where one was seen to boot so, else it emulates it, and
--accel kvm or --accel tcg says which. A guest of another architecture runs a labrun of
that architecture and of this version: go build makes one where Go and the sources are,
else --guest-labrun FILE names it, built with CGO_ENABLED=0. LABRUN_CONSOLE=1 shows what
the guests' kernels say, on standard error.

Programs of a topology (run:) are this machine's in a guest too, if that has the same
architecture: it sees the machine's files read-only, and what programs write is gone with
it. It needs FUSE, virtio and overlays, as Debian's kernels have them, and 1 GB of memory.

What apt knows is fetched and unpacked without root, and is not installed; it stays in
labrun/kernels of your cache directory (XDG_CACHE_HOME). A kernel that is named exactly
and is there is used without asking apt.`

// kernelsCommand makes "labrun kernels". What can be had changes with apt's lists and what a name means with
// it, so this is the place to look before a run of an hour.
func kernelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kernels",
		Short: "say which kernels can be asked, get them, and clean up",
		Long: `kernels prints a line for every kernel that the cache has, and for every release line
that this machine's apt has one of: its name for --kernel, version, architecture, size
(of what is unpacked, or is to be fetched), where it is (cache or apt), whether this
machine can run it, and which others apt has of that line. On a terminal that is a
table; elsewhere the fields are separated by tabs, for cut and awk.

    labrun kernels
    labrun kernels get debian:6.1 um:6.1
    labrun kernels clean debian:6.1

` + kernelsHelp,
		Args: args(0, 0, "no arguments, or get, or clean"),
		RunE: func(cmd *cobra.Command, _ []string) error { return listKernels(cmd) },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "get KERNEL...",
		Short: "put kernels into the cache",
		Long: `get fetches kernels and unpacks them into the cache, so that a run needs no network. It
prints a line for each: its name, version, architecture, and the file, separated by tabs.

    labrun kernels get debian:5.10 debian:6.1 debian:6.12

Exit status: 0 all are there, 2 a name is wrong, 3 some cannot be had.`,
		Args: args(1, math.MaxInt, "one KERNEL or more"),
		RunE: getKernels,
	}, &cobra.Command{
		Use:   "clean [KERNEL...]",
		Short: "take kernels out of the cache, or all of them",
		Long: `clean takes kernels out of the cache: those that a name means there, all 6.1 for
debian:6.1, or without a name every one.

    labrun kernels clean
    labrun kernels clean debian:6.1 um

Exit status: 0 they are gone, 2 the cache has none of that name.`,
		RunE: cleanKernels,
	})
	return cmd
}

// listKernels prints what the cache and apt have. A machine without apt has a cache all the same.
func listKernels(cmd *cobra.Command) error {
	cached, err := image.List()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, k := range cached {
		rows = append(rows, []string{cachedName(k, cached), k.Version.String(), k.Machine, megabytes(k.Size), "cache",
			canRun(k.Image), ""})
	}
	offers, err := image.Offers(context.Background(), "")
	if err != nil {
		complain(cmd.ErrOrStderr(), err)
	}
	rows = append(rows, offerRows(offers)...)
	out := cmd.OutOrStdout()
	w := bufio.NewWriter(out)
	if terminal(out) && len(rows) > 0 {
		head := []string{"kernel", "version", "machine", "size", "where", "runs here", "also"}
		writeTable(w, width(out), append([][]string{head}, rows...))
	} else {
		for _, r := range rows {
			fmt.Fprintln(w, strings.Join(r, "\t"))
		}
	}
	return w.Flush()
}

// offerRows returns a row for each release line of apt's, by version: the kernel that its name means, and the
// others of the line.
func offerRows(offers []image.Offer) [][]string {
	type key struct{ kind, line string }
	var order []key
	lines := map[key][]image.Offer{}
	for _, o := range offers { // newest first
		kind, _, _ := strings.Cut(o.Name, ":")
		k := key{kind, fmt.Sprintf("%d.%d", o.Version[0], o.Version[1])}
		if lines[k] == nil {
			order = append(order, k)
		}
		lines[k] = append(lines[k], o)
	}
	slices.Reverse(order)
	var rows [][]string
	for _, k := range order {
		o, ok := image.Newest(lines[k])
		name := k.kind + ":" + k.line
		if !ok { // of some lines apt knows packages that depend on others which are gone
			rows = append(rows, []string{name, o.Version.String(), o.Machine(), "", "apt",
				"not to be had: apt has no " + o.Lacks, ""})
			continue
		}
		var also []string
		for _, other := range lines[k] {
			if v := other.Version; v != o.Version && other.Lacks == "" {
				also = append(also, v.String())
			}
		}
		slices.Reverse(also)
		rows = append(rows, []string{name, o.Version.String(), o.Machine(), megabytes(o.Size()), "apt",
			canRun(image.Image{Machine: o.Machine(), UserMode: k.kind == "um"}), strings.Join(slices.Compact(also), " ")})
	}
	return rows
}

// cachedName returns the shortest name that means a kernel of the cache and no other one there.
func cachedName(k image.Cached, cached []image.Cached) string {
	same := 0
	for _, c := range cached {
		if c.FromApt && c.Spec == k.Spec {
			same++
		}
	}
	if k.FromApt && same == 1 {
		return k.Spec
	}
	return k.Exact()
}

// canRun says whether this machine can run a kernel: yes, or why not.
func canRun(i image.Image) string {
	if err := guest.Can(i); err != nil {
		return err.Error()
	}
	return "yes"
}

// megabytes writes a size in units of 1 000 000 bytes, as apt does.
func megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+500_000)/1_000_000) }

// getKernels puts kernels into the cache. All names are looked at before the first is fetched, which takes its
// time. One that cannot be had does not keep the others back.
func getKernels(cmd *cobra.Command, names []string) error {
	for _, name := range names {
		if name == hostKernel || name == allKernels {
			return usagef("labrun kernels get %s: that is nothing to get; a KERNEL is %s", name, image.Kinds)
		}
		if err := image.Check(name); err != nil {
			return usageError{fmt.Errorf("%s: %w", name, err)}
		}
	}
	var status error
	line := newStatus(cmd.ErrOrStderr(), 1)
	defer line.close()
	for _, name := range names {
		line.does(name, "is fetched")
		line.hide(false)
		i, err := image.Open(context.Background(), name)
		line.hide(true)
		line.end(name)
		if err != nil {
			complain(cmd.ErrOrStderr(), fmt.Errorf("%s: %w", name, err))
			status = exitStatus(exitError)
			continue
		}
		if err := printKernel(cmd.OutOrStdout(), i); err != nil {
			return err
		}
	}
	return status
}

// printKernel writes the line of a kernel that is there: what it says of itself, which may be more than its name.
func printKernel(w io.Writer, i image.Image) error {
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.Spec, i.Version, i.Machine, i.Kernel)
	return err
}

// cleanKernels takes kernels out of the cache. A guest that runs has read what it needs of its kernel.
func cleanKernels(cmd *cobra.Command, names []string) error {
	cached, err := image.List()
	if err != nil {
		return err
	}
	gone := cached
	if len(names) > 0 {
		gone = nil
		for _, name := range names {
			found, err := image.Find(cached, name)
			if err != nil {
				return usageError{fmt.Errorf("%s: %w", name, err)}
			}
			if len(found) == 0 {
				var all []string
				for _, k := range cached {
					all = append(all, cachedName(k, cached))
				}
				return usagef("%s: the cache has no such kernel; it has %s", name, noneOr(all))
			}
			gone = append(gone, found...)
		}
	} else if err := inTurn(image.Sweep, guest.Forget); err != nil {
		return err
	}
	removed := map[string]bool{}
	for _, k := range gone {
		if removed[k.Dir] {
			continue // two names mean it
		}
		removed[k.Dir] = true
		if err := k.Remove(); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "removed %s, %s\n", cachedName(k, cached), megabytes(k.Size))
		if err != nil {
			return err
		}
	}
	return nil
}

// noneOr lists names in a message that says what there is.
func noneOr(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return list(names)
}
