package process

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// setSelector attaches the program to a group of SO_REUSEPORT. Its packet begins
// with the payload (run_bpf_filter), and what it returns is an index into the
// group in the order in which the sockets joined; past its end the kernel
// chooses by hash.
func setSelector(o option, r *request) error {
	fd, s := r.fds[0], arg[lab.Selector](r, 2)
	if o == optionNamed("SO_ATTACH_REUSEPORT_CBPF") {
		filter := classic(s)
		if filter == nil {
			return errors.New("no program " + s.Op)
		}
		p := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		return setOption(fd, o, unsafe.Pointer(&p), unsafe.Sizeof(p))
	}
	code := extended(s)
	if code == nil {
		return errors.New("no program " + s.Op)
	}
	program, err := loadProgram(unix.BPF_PROG_TYPE_SOCKET_FILTER, 0, code)
	if err != nil {
		return err // without CAP_BPF bpf(2) itself says EPERM
	}
	defer unix.Close(program) // the group holds it
	v := int32(program)
	return setOption(fd, o, unsafe.Pointer(&v), unsafe.Sizeof(v))
}

// classic returns the program in the classic language: K, or A after it was
// loaded, is what it returns.
func classic(s lab.Selector) []unix.SockFilter {
	const cpu = 0xfffff000 + 36 // SKF_AD_OFF + SKF_AD_CPU, linux/filter.h
	switch s.Op {
	case "index":
		return []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: s.N}}
	case "mod":
		return []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
			{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: s.N},
			{Code: unix.BPF_RET | unix.BPF_A},
		}
	case "cpu":
		return []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: cpu},
			{Code: unix.BPF_RET | unix.BPF_A},
		}
	}
	return nil
}

// instruction is struct bpf_insn of linux/bpf.h; the registers' nibbles lie as
// on little-endian machines, which reg puts right.
type instruction struct {
	code      uint8
	registers uint8
	offset    int16
	imm       int32
}

// reg is the registers of an instruction, two bit-fields in C: which one comes
// first is the machine's byte order.
func reg(destination, source uint8) uint8 {
	if htonl(1) == 1 {
		return destination<<4 | source
	}
	return source<<4 | destination
}

// extended returns the program in the extended language: r0 is what it returns,
// r1 holds the packet at its start, and loads from the packet want it in r6.
func extended(s lab.Selector) []instruction {
	const helperCPU, helperNode = 8, 42 // bpf_get_smp_processor_id, bpf_get_numa_node_id
	end := instruction{code: unix.BPF_JMP | unix.BPF_EXIT}
	switch s.Op {
	case "index":
		return []instruction{{code: unix.BPF_ALU | unix.BPF_MOV | unix.BPF_K, registers: reg(0, 0), imm: int32(s.N)}, end}
	case "mod":
		return []instruction{
			{code: unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X, registers: reg(6, 1)},
			{code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
			{code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, registers: reg(0, 0), imm: int32(s.N)},
			end,
		}
	case "cpu":
		return []instruction{{code: unix.BPF_JMP | unix.BPF_CALL, imm: helperCPU}, end}
	case "numa":
		return []instruction{{code: unix.BPF_JMP | unix.BPF_CALL, imm: helperNode}, end}
	}
	return nil
}

// loadProgram gives the kernel a program of a type, and where it is to be attached if that type asks, bpf(2).
func loadProgram(kind, attach uint32, code []instruction) (int, error) {
	license := &[...]byte{'G', 'P', 'L', 0}
	// The kernel gets their addresses as numbers, which Go does not follow.
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&code[0])
	pin.Pin(license)
	attr := struct { // the beginning of union bpf_attr for BPF_PROG_LOAD
		kind, count uint32
		code        uint64
		license     uint64
		_           [24]byte // no log, any kernel, no flags
		_           [20]byte // no name, no link
		attach      uint32
	}{
		kind: kind, attach: attach, count: uint32(len(code)),
		code: uint64(uintptr(unsafe.Pointer(&code[0]))), license: uint64(uintptr(unsafe.Pointer(license))),
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
