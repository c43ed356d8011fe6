#include "textflag.h"

// noteArrival is the handler of sigaction(2): X10 has the signal's number, X11 the siginfo_t. Every register may change,
// rt_sigreturn(2) brings them back. RET goes to where X1 points, the vDSO's return from a handler.
TEXT ·noteArrival(SB), NOSPLIT|NOFRAME, $0
	MOV     $·came(SB), X5
	MOV     $1, X6
	AMOADDW X6, (X5), X7 // X7 is the slot's number
	AND     $255, X7, X7
	SLL     $4, X7, X7   // of 16 bytes each
	MOV     $·ring(SB), X5
	ADD     X7, X5, X5
	MOVW    8(X11), X6   // si_code
	MOVW    X6, 4(X5)
	MOVW    16(X11), X6  // si_pid, behind four bytes of padding
	MOVW    X6, 8(X5)
	MOVW    20(X11), X6  // si_uid
	MOVW    X6, 12(X5)
	FENCE                // last, and not before the stores above
	MOVW    X10, (X5)
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB), NOSPLIT, $0-8
	MOV $·noteArrival(SB), X10
	MOV X10, ret+0(FP)
	RET
