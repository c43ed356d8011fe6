#include "textflag.h"

// noteArrival is the handler of sigaction(2): DI has the signal's number, SI the siginfo_t. Every register may change,
// rt_sigreturn(2) brings them back. RET goes to the restorer, whose address the kernel has pushed.
TEXT ·noteArrival(SB), NOSPLIT|NOFRAME, $0
	MOVL $1, AX
	LOCK
	XADDL AX, ·came(SB) // AX is the slot's number
	ANDL $255, AX
	SHLQ $4, AX         // of 16 bytes each
	LEAQ ·ring(SB), CX
	ADDQ AX, CX
	MOVL 8(SI), AX      // si_code
	MOVL AX, 4(CX)
	MOVL 16(SI), AX     // si_pid, behind four bytes of padding
	MOVL AX, 8(CX)
	MOVL 20(SI), AX     // si_uid
	MOVL AX, 12(CX)
	MOVL DI, 0(CX)      // last: x86 keeps the order of stores
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB), NOSPLIT, $0-8
	LEAQ ·noteArrival(SB), AX
	MOVQ AX, ret+0(FP)
	RET
