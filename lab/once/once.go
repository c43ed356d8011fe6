// Package once remembers what need not be found out twice.
package once

import "sync"

// Good returns a function that calls f until that succeeds, and from then on returns what
// it returned. sync.OnceValues would remember a failure too, such as EMFILE, for the life of
// the process.
func Good[T any](f func() (T, error)) func() (T, error) {
	var mu sync.Mutex
	var done bool
	var value T
	return func() (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return value, nil
		}
		v, err := f()
		if err == nil {
			value, done = v, true
		}
		return v, err
	}
}
