package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, clock := withTimeout(t.Context(), 10*time.Second)
		time.Sleep(4 * time.Second)
		clock.halt()
		time.Sleep(time.Hour)
		clock.resume()
		time.Sleep(6*time.Second - time.Nanosecond)
		synctest.Wait()
		if err := context.Cause(ctx); err != nil {
			t.Fatalf("before its time: %v", err)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if err := context.Cause(ctx); err == nil || err.Error() != "--timeout 10s was over" {
			t.Fatalf("when its time is over: %v", err)
		}
		clock.end()
	})
}

func TestNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, clock := withTimeout(t.Context(), 0)
		clock.halt()
		clock.resume()
		time.Sleep(time.Hour)
		if err := context.Cause(ctx); err != nil {
			t.Error(err)
		}
		clock.end()
	})
}
