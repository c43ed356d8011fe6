#include "textflag.h"

// noteArrival is the handler of sigaction(2): R2 has the signal's number, R3 the siginfo_t. Every register may change,
// rt_sigreturn(2) brings them back. RET goes to where R14 points, the kernel's return from a handler.
TEXT ·noteArrival(SB), NOSPLIT|NOFRAME, $0
	MOVD  $·came(SB), R1
	MOVD  $1, R4
	LAA   R4, R5, 0(R1)  // R5 is the slot's number
	AND   $255, R5
	SLD   $4, R5         // of 16 bytes each
	MOVD  $·ring(SB), R1
	ADD   R5, R1
	MOVWZ 8(R3), R4      // si_code
	MOVW  R4, 4(R1)
	MOVWZ 16(R3), R4     // si_pid, behind four bytes of padding
	MOVW  R4, 8(R1)
	MOVWZ 20(R3), R4     // si_uid
	MOVW  R4, 12(R1)
	MOVW  R2, 0(R1)      // last: stores keep their order here
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB), NOSPLIT, $0-8
	MOVD $·noteArrival(SB), R1
	MOVD R1, ret+0(FP)
	RET
