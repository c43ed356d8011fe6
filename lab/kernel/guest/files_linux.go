package guest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab/program"
)

// The programs of a guest's labs are this machine's. labrun itself serves the machine's files to the guest, in the
// protocol of fuse(4) (include/uapi/linux/fuse.h) over one more line of QEMU's: kernels that lack 9p have FUSE, and
// nothing else has to be installed. It knows no request that writes. Which files may be read at all is up to this
// machine's kernel, and which user of the guest may read them to the guest's (the option default_permissions).
//
// There are libraries for this, but they make pipes and tables as soon as a program that has them in it starts, and
// all processes of a lab are this program.

// unchanged is how long a guest remembers what it was told of a file, in seconds: as long as it lives.
const unchanged = 24 * 60 * 60

// The longest message, and how much of a file it may have at most.
const (
	maxRead    = 128 << 10
	maxMessage = 2 * maxRead
)

// Numbers of enum fuse_opcode, those that are answered.
const (
	fuseLookup      = 1
	fuseForget      = 2
	fuseGetattr     = 3
	fuseReadlink    = 5
	fuseOpen        = 14
	fuseRead        = 15
	fuseStatfs      = 17
	fuseRelease     = 18
	fuseInit        = 26
	fuseReaddir     = 28
	fuseInterrupt   = 36
	fuseDestroy     = 38
	fuseBatchForget = 42
)

// Sizes and places in struct fuse_in_header and fuse_out_header, which begin with the length of the whole message.
const (
	inHeaderSize  = 40
	outHeaderSize = 16
	opcodeAt      = 4
	uniqueAt      = 8
	nodeAt        = 16
)

var native = binary.NativeEndian

// served is what a guest was told of this machine.
type served struct {
	unseen  func(path string) bool
	folders []string
	nodes   map[uint64]*node
	paths   map[string]*node
	open    map[uint64]int // descriptors
	last    uint64         // number of a node, or of what is open
}

// node is a file that the guest's kernel knows, by its path there.
type node struct {
	number uint64
	path   string
	known  uint64 // how often it was told of it, until it forgets
}

// serveFiles answers a guest's requests, one after the other, until the line is closed, and returns nil then. What
// programs do not see it leaves out, but for the folders, which are below folderRoot.
func serveFiles(line io.ReadWriter, folders []string) error {
	unseen, err := program.Unseen()
	if err != nil {
		return err
	}
	root := &node{number: 1, path: "/", known: 1}
	s := &served{unseen: unseen, folders: folders, nodes: map[uint64]*node{1: root}, paths: map[string]*node{"/": root},
		open: map[uint64]int{}, last: 1}
	defer func() {
		for _, fd := range s.open { // a guest that was ended has closed nothing
			_ = unix.Close(fd)
		}
	}()
	request := make([]byte, maxMessage)
	for {
		n, err := readMessage(line, request)
		if err != nil || n == 0 {
			return err
		}
		if n < inHeaderSize {
			return fmt.Errorf("a request of FUSE of %d bytes", n)
		}
		body, err := s.answer(native.Uint32(request[opcodeAt:]), native.Uint64(request[nodeAt:]), request[inHeaderSize:n])
		if err == nil && body == nil && !expectsReply(request) {
			continue
		}
		var errno unix.Errno
		if errors.As(err, &errno) {
			body = nil
		} else if err != nil {
			return err
		}
		reply := native.AppendUint32(nil, uint32(outHeaderSize+len(body)))
		reply = native.AppendUint32(reply, uint32(-int32(errno)))
		reply = append(reply, request[uniqueAt:outHeaderSize]...)
		if _, err := line.Write(append(reply, body...)); err != nil {
			return nil // the guest has ended
		}
	}
}

// readMessage reads a message of FUSE's, and returns its length: 0 at the end of the line.
func readMessage(r io.Reader, b []byte) (int, error) {
	if _, err := io.ReadFull(r, b[:4]); err != nil {
		return 0, nil
	}
	n := int(native.Uint32(b))
	if n < outHeaderSize || n > len(b) {
		return 0, fmt.Errorf("a message of FUSE of %d bytes", n)
	}
	if _, err := io.ReadFull(r, b[4:n]); err != nil {
		return 0, nil
	}
	return n, nil
}

// expectsReply reports whether a request is one that FUSE answers.
func expectsReply(request []byte) bool {
	switch native.Uint32(request[opcodeAt:]) {
	case fuseForget, fuseBatchForget, fuseInterrupt:
		return false
	}
	return true
}

// answer returns what a reply has behind its header. An error is what the guest is told, where it is an errno; else it
// says what nonsense was asked.
func (s *served) answer(op uint32, number uint64, body []byte) ([]byte, error) {
	n := s.nodes[number]
	ofNone := []uint32{fuseInit, fuseForget, fuseBatchForget, fuseInterrupt, fuseDestroy}
	if n == nil && !slices.Contains(ofNone, op) {
		return nil, unix.ESTALE
	}
	switch ask := (fields{body}); op {
	case fuseInit:
		return s.init(ask)
	case fuseForget:
		return nil, s.forget(number, ask.u64())
	case fuseBatchForget:
		count := ask.u32()
		ask.u32()
		for range min(count, maxMessage) {
			number := ask.u64()
			if err := s.forget(number, ask.u64()); err != nil {
				return nil, err
			}
		}
		return nil, nil
	case fuseInterrupt, fuseDestroy: // no request lasts
		return nil, nil
	case fuseLookup:
		return s.lookup(n, string(bytes.TrimRight(body, "\x00")))
	case fuseGetattr:
		return s.getattr(n)
	case fuseReadlink:
		to := make([]byte, unix.PathMax)
		size, err := unix.Readlink(s.machine(n.path), to)
		return to[:max(size, 0)], err
	case fuseOpen:
		return s.openFile(n, ask.u32())
	case fuseRead:
		fd, at, size := ask.u64(), ask.u64(), ask.u32()
		return s.read(fd, int64(at), int(size))
	case fuseRelease:
		return nil, s.release(ask.u64())
	case fuseReaddir:
		ask.u64()
		at, size := ask.u64(), ask.u32()
		return s.readdir(n, at, int(size))
	case fuseStatfs:
		return s.statfs(n)
	}
	return nil, unix.ENOSYS
}

// fields are the numbers of a request, 0 where it has no more.
type fields struct{ rest []byte }

func (f *fields) u32() (v uint32) {
	if len(f.rest) >= 4 {
		v, f.rest = native.Uint32(f.rest), f.rest[4:]
	}
	return v
}

func (f *fields) u64() (v uint64) {
	if len(f.rest) >= 8 {
		v, f.rest = native.Uint64(f.rest), f.rest[8:]
	}
	return v
}

// init agrees on a version, and on what may be done: struct fuse_init_out.
func (s *served) init(ask fields) ([]byte, error) {
	const (
		major, minor  = 7, 31
		asyncRead     = 1 << 0
		parallel      = 1 << 18 // lookups
		maxPages      = 1 << 22
		cacheSymlinks = 1 << 23
		noOpendir     = 1 << 24 // folders are read without being opened
	)
	if theirs := ask.u32(); theirs != major {
		return nil, unix.EPROTO
	}
	theirMinor, readahead, flags := ask.u32(), ask.u32(), ask.u32()
	out := make([]byte, 64)
	for i, v := range []uint32{major, min(theirMinor, minor), min(readahead, maxRead),
		flags & (asyncRead | parallel | maxPages | cacheSymlinks | noOpendir), 0, maxRead, 1, maxRead >> 12} {
		native.PutUint32(out[4*i:], v)
	}
	native.PutUint16(out[16:], 16) // max_background
	native.PutUint16(out[18:], 12) // congestion_threshold
	return out, nil
}

// forget lets a node go that the guest does not know any more.
func (s *served) forget(number, times uint64) error {
	n := s.nodes[number]
	if n == nil || number == 1 {
		return nil
	}
	if n.known -= min(times, n.known); n.known == 0 {
		delete(s.nodes, number)
		delete(s.paths, n.path)
	}
	return nil
}

// folderRoot is where a guest has the folders, by their paths. A list of the root does not have it.
const folderRoot = "/labrun-folders"

// machine returns where this machine has what the guest has at a path, and s.sees whether the guest has it at all.
func (s *served) machine(path string) string {
	if in, ok := strings.CutPrefix(path, folderRoot); ok && (in == "" || in[0] == '/') {
		return filepath.Join("/", in)
	}
	return path
}

func (s *served) sees(path string) bool {
	here := s.machine(path)
	if here == path {
		return !s.unseen(path)
	}
	here = strings.TrimSuffix(here, "/") + "/"
	return slices.ContainsFunc(s.folders, func(f string) bool {
		return strings.HasPrefix(f+"/", here) || strings.HasPrefix(here, f+"/")
	})
}

// lookup finds what a folder has: struct fuse_entry_out. In the stead of a folder that programs do not see there is an
// empty one, for the guest to mount its own on.
func (s *served) lookup(in *node, name string) ([]byte, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") { // no kernel asks so
		return nil, unix.EINVAL
	}
	path := filepath.Join(in.path, name)
	attr, err := s.attr(path)
	if !s.sees(in.path) {
		err = unix.ENOENT
	}
	entry := make([]byte, 0, 40+len(attr))
	if errors.Is(err, unix.ENOENT) { // node 0 is none, which may be remembered
		return s.lasting(native.AppendUint64(native.AppendUint64(entry, 0), 0), make([]byte, attrSize)), nil
	}
	if err != nil {
		return nil, err
	}
	n := s.paths[path]
	if n == nil {
		s.last++
		n = &node{number: s.last, path: path}
		s.nodes[n.number], s.paths[path] = n, n
	}
	n.known++
	return s.lasting(native.AppendUint64(native.AppendUint64(entry, n.number), 0), attr), nil
}

// lasting adds how long an entry, and its attributes, hold, and these.
func (s *served) lasting(entry, attr []byte) []byte {
	for _, v := range []uint64{unchanged, unchanged, 0} {
		entry = native.AppendUint64(entry, v)
	}
	return append(entry, attr...)
}

// getattr is stat(2): struct fuse_attr_out.
func (s *served) getattr(n *node) ([]byte, error) {
	attr, err := s.attr(n.path)
	return append(native.AppendUint64(native.AppendUint64(nil, unchanged), 0), attr...), err
}

const attrSize = 88

// attr returns a struct fuse_attr.
func (s *served) attr(path string) ([]byte, error) {
	var st unix.Stat_t
	err := unix.Lstat(s.machine(path), &st)
	if !s.sees(path) {
		if s.machine(path) != path || err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return nil, unix.ENOENT
		}
		st, err = unix.Stat_t{Mode: unix.S_IFDIR | 0o755, Nlink: 2, Ino: 1}, nil
	}
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, attrSize)
	// Of file systems side by side each has its own numbers of inodes.
	for _, v := range []uint64{st.Ino ^ st.Dev<<48, uint64(st.Size), uint64(st.Blocks), uint64(st.Atim.Sec),
		uint64(st.Mtim.Sec), uint64(st.Ctim.Sec)} {
		b = native.AppendUint64(b, v)
	}
	for _, v := range []uint32{uint32(st.Atim.Nsec), uint32(st.Mtim.Nsec), uint32(st.Ctim.Nsec), st.Mode,
		uint32(st.Nlink), st.Uid, st.Gid, uint32(st.Rdev), uint32(st.Blksize), 0} {
		b = native.AppendUint32(b, v)
	}
	return b, nil
}

// openFile opens a regular file to be read: struct fuse_open_out. What else there is, a device or a pipe, does
// something when it is opened, and the guest's kernel has its own.
func (s *served) openFile(n *node, flags uint32) ([]byte, error) {
	if flags&unix.O_ACCMODE != unix.O_RDONLY || flags&unix.O_TRUNC != 0 {
		return nil, unix.EROFS
	}
	var st unix.Stat_t
	path := s.machine(n.path)
	if err := unix.Lstat(path, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || !s.sees(n.path) {
		return nil, unix.EINVAL
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	s.last++
	s.open[s.last] = fd
	const keepCache = 1 << 1
	return native.AppendUint64(native.AppendUint64(nil, s.last), keepCache), nil
}

func (s *served) read(number uint64, at int64, size int) ([]byte, error) {
	fd, ok := s.open[number]
	if !ok {
		return nil, unix.EBADF
	}
	b, n := make([]byte, min(size, maxRead)), 0
	for n < len(b) { // a short reply is the end of the file
		more, err := unix.Pread(fd, b[n:], at+int64(n))
		if err != nil {
			return nil, err
		}
		if more == 0 {
			break
		}
		n += more
	}
	return b[:n], nil
}

func (s *served) release(number uint64) error {
	fd, ok := s.open[number]
	if !ok {
		return unix.EBADF
	}
	delete(s.open, number)
	return unix.Close(fd)
}

// readdir lists a folder from an entry on, as many as a reply may have: each a struct fuse_dirent.
func (s *served) readdir(n *node, from uint64, size int) ([]byte, error) {
	if !s.sees(n.path) {
		return nil, nil
	}
	entries, err := os.ReadDir(s.machine(n.path))
	var errno unix.Errno
	if errors.As(err, &errno) {
		return nil, errno
	}
	names := []struct {
		name string
		kind uint32 // DT_DIR ...
	}{{".", unix.DT_DIR}, {"..", unix.DT_DIR}}
	for _, e := range entries {
		names = append(names, struct {
			name string
			kind uint32
		}{e.Name(), kinds[e.Type()]})
	}
	var b []byte
	for i := from; i < uint64(len(names)); i++ {
		e := names[i]
		length := (24 + len(e.name) + 7) &^ 7
		if len(b)+length > min(size, maxRead) {
			break
		}
		b = native.AppendUint64(b, ^uint64(0)) // the number of its inode is not known, FUSE_UNKNOWN_INO
		b = native.AppendUint64(b, i+1)
		b = native.AppendUint32(b, uint32(len(e.name)))
		b = native.AppendUint32(b, e.kind)
		b = append(append(b, e.name...), make([]byte, length-24-len(e.name))...)
	}
	return b, nil
}

var kinds = map[os.FileMode]uint32{
	0: unix.DT_REG, os.ModeDir: unix.DT_DIR, os.ModeSymlink: unix.DT_LNK, os.ModeNamedPipe: unix.DT_FIFO,
	os.ModeSocket: unix.DT_SOCK, os.ModeDevice: unix.DT_BLK, os.ModeDevice | os.ModeCharDevice: unix.DT_CHR,
}

// statfs is statfs(2): struct fuse_statfs_out.
func (s *served) statfs(n *node) ([]byte, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.machine(n.path), &st); err != nil {
		return nil, err
	}
	var b []byte
	for _, v := range []uint64{st.Blocks, st.Bfree, st.Bavail, st.Files, st.Ffree} {
		b = native.AppendUint64(b, v)
	}
	for _, v := range []uint32{uint32(st.Bsize), uint32(st.Namelen), uint32(st.Frsize)} {
		b = native.AppendUint32(b, v)
	}
	return append(b, make([]byte, 28)...), nil
}
