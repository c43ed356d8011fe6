package syntax

import (
	"math"
	"time"
)

// The limits of a step. They bound the time and the memory that a hostile one can take.
// MaxWait also bounds how long a cell can hold up a run. MaxUser leaves out the number that
// setresuid(2) takes for "as it is", (uid_t) -1.
const (
	maxText     = 64 << 10 // bytes, more than a datagram takes
	maxStep     = 300_000  // bytes, enough for 64 KiB of \x41
	maxMistakes = 10       // of a step
	MaxWait     = 60 * time.Second
	MaxUser     = math.MaxUint32 - 1
)
