package remote

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"os"
	"time"
)

// A guest whose clock is the machine's is slower than the machine, and more so while others have the processors: a
// call that takes the machine no time may take longer there than the file gives it. So both ends time the same work
// when they have met, and every request says what came of it (kernel.Request.Slow).

// work is a round of what cells are made of: a processor computes, and now and then bytes go through the kernel. A
// User-mode Linux takes fifty times as long over a system call, but a cell only four times.
func work(r, w *os.File) error {
	var b [4096]byte
	for range 16 {
		sum := sha256.Sum256(b[:])
		copy(b[:], sum[:])
	}
	if _, err := w.Write(b[:]); err != nil {
		return err
	}
	_, err := io.ReadFull(r, b[:])
	return err
}

// workTime is how long an end works: longer than a scheduler leaves a processor to another program, so that a loaded
// machine shows.
const workTime = 50 * time.Millisecond

// timeWork returns how long a round of work takes, on average and at best.
func timeWork() (average, best time.Duration, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	defer w.Close()
	best = math.MaxInt64
	began, last, n := time.Now(), time.Now(), 0
	for last.Sub(began) < workTime {
		if err := work(r, w); err != nil {
			return 0, 0, err
		}
		now := time.Now()
		best = min(best, now.Sub(last))
		last = now
		n++
	}
	return last.Sub(began) / time.Duration(n), best, nil
}

// slowness returns how many times as long something takes there as here, where nothing disturbs it; at least 1.
func slowness(there, here time.Duration) float64 {
	return max(1, float64(there)/float64(max(here, 1)))
}

// Measure finds out how slow the other end is, for the requests that come after. Without it limits are as the
// question has them, which is right where the other end's clock stands still while that has no processor.
func (k *Kernel) Measure(ctx context.Context) error {
	id, c := k.begin()
	defer k.finish(id, c)
	k.tell(order{ID: id, Work: true})
	select {
	case r := <-c:
		if r.Err != "" {
			return errors.New(r.Err)
		}
		_, best, err := timeWork() // when the other end is idle: they may share a processor
		if err != nil {
			return err
		}
		k.slow = slowness(r.Took, best)
		return nil
	case <-k.gone:
		return k.why
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Slow returns what Measure has found out, 1 before it.
func (k *Kernel) Slow() float64 { return max(1, k.slow) }

// worked is the answering end's answer to Measure.
func worked(id int) report {
	average, _, err := timeWork()
	r := report{ID: id, Took: average, Done: true}
	if err != nil {
		r.Err = err.Error()
	}
	return r
}
