package program

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"labrun/lab/sys"
)

// Holding returns the sockets that the program and what it has started have, by
// their inodes, with the names of the processes: "nginx". A process that ends meanwhile, or
// may not be looked at, is left out.
func (r *Running) Holding() map[uint32][]string {
	held := map[uint32][]string{}
	for _, pid := range descendants(r.init) {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue
		}
		name := strings.TrimSuffix(string(comm), "\n")
		fds, _ := os.ReadDir(filepath.Join(dir, "fd"))
		for _, fd := range fds {
			inode, ok := socketInode(filepath.Join(dir, "fd", fd.Name()))
			if ok && !slices.Contains(held[inode], name) {
				held[inode] = append(held[inode], name)
			}
		}
	}
	for _, names := range held {
		slices.Sort(names)
	}
	return held
}

// socketInode reads a descriptor's link, "socket:[4711]" in proc(5).
func socketInode(link string) (uint32, bool) {
	to, err := os.Readlink(link)
	if err != nil {
		return 0, false
	}
	number, ok := strings.CutPrefix(strings.TrimSuffix(to, "]"), "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(number, 10, 32)
	return uint32(inode), err == nil
}

// descendants returns the processes below one. Those whose parents have ended are
// children of the init of their PID namespace, so none below an init is missed but
// one that is just being made. (Not every kernel has /proc/PID/task/TID/children.)
func descendants(root int) []int {
	children := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := sys.ProcessStat(pid)
		if err != nil {
			continue
		}
		if parent, err := strconv.Atoi(stat[1]); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	var all []int
	for next := children[root]; len(next) > 0; {
		pid := next[0]
		all = append(all, pid)
		next = append(next[1:], children[pid]...)
	}
	return all
}
