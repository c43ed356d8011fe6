#include "textflag.h"

// noteArrival is the handler of sigaction(2): R0 has the signal's number, R1 the siginfo_t. Every register may change,
// rt_sigreturn(2) brings them back. RET goes to where the link register points, the vDSO's return from a handler.
TEXT ·noteArrival(SB), NOSPLIT|NOFRAME, $0
	MOVD $·came(SB), R3
again:
	LDAXRW (R3), R4       // the slot's number
	ADDW   $1, R4, R5
	STLXRW R5, (R3), R6
	CBNZ   R6, again
	AND    $255, R4, R4
	MOVD   $·ring(SB), R7
	ADD    R4<<4, R7, R7  // of 16 bytes each
	MOVWU  8(R1), R5      // si_code
	MOVW   R5, 4(R7)
	MOVWU  16(R1), R5     // si_pid, behind four bytes of padding
	MOVW   R5, 8(R7)
	MOVWU  20(R1), R5     // si_uid
	MOVW   R5, 12(R7)
	STLRW  R0, (R7)       // last, and not before the stores above
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB), NOSPLIT, $0-8
	MOVD $·noteArrival(SB), R0
	MOVD R0, ret+0(FP)
	RET
