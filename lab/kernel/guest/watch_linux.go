package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// patience is how long a guest may say nothing new, neither on its console nor in answers. What counts is not
// the time, which a loaded machine makes long, but what the guest made of it.
type patience struct {
	busy time.Duration // for a guest that has a processor all the time, or waits for one
	idle time.Duration // for one that does nothing at all, as a kernel after hlt does; one that lives answers a ping
	ping time.Duration // after which it is asked whether it lives
	tick time.Duration // how often it is looked at
}

// limits are those of guests that start from now on.
var limits = patience{busy: 4 * time.Minute, idle: 20 * time.Second, ping: 5 * time.Second, tick: time.Second}

// watch ends a guest that hangs.
func (k *Kernel) watch(booted <-chan struct{}, p patience) {
	ticker := time.NewTicker(p.tick)
	defer ticker.Stop()
	var said int64
	var passed, silentFrom, busyFrom time.Duration // of time that labrun ran itself: it may be stopped, too
	pings := make(chan bool, 1)
	for {
		select {
		case <-ticker.C:
		case <-k.ended:
			return
		case <-k.closed:
			return
		}
		passed += p.tick
		if why := haltOf(k.console.said()); why != "" {
			k.kill(errors.New(why))
			return
		}
		busy := busyTime(k.process.Process.Pid)
		if now := k.console.n.Load() + k.channel.n.Load(); now != said || busy < busyFrom {
			said, silentFrom, busyFrom = now, passed, busy
			continue
		}
		silent, busy := passed-silentFrom, busy-busyFrom
		switch {
		case busy > p.busy:
			k.kill(fmt.Errorf("the guest hangs: it had a processor for %v and said nothing", busy.Round(time.Second)))
			return
		case silent-busy > p.idle:
			k.kill(fmt.Errorf("the guest hangs: it did nothing for %v", (silent - busy).Round(time.Second)))
			return
		case silent > p.ping:
			select {
			case <-booted:
			default:
				continue // it has no init yet
			}
			select {
			case pings <- true:
				go func() {
					_ = k.Ping() // its answer is news, and nothing else tells of a guest that has ended
					<-pings
				}()
			default: // one is on its way
			}
		}
	}
}

// busyTime returns how long the threads of a process and of its children have had a processor, or have
// waited for one while others had it: /proc/PID/task/TID/schedstat of proc(5).
func busyTime(pid int) (busy time.Duration) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		text, err := os.ReadFile(task + "/schedstat")
		if err != nil {
			continue // it has ended
		}
		for _, word := range strings.Fields(string(text))[:2] {
			n, _ := strconv.ParseInt(word, 10, 64)
			busy += time.Duration(n)
		}
		children, _ := os.ReadFile(task + "/children") // User-mode Linux has its processes there
		for word := range strings.FieldsSeq(string(children)) {
			if child, err := strconv.Atoi(word); err == nil {
				busy += busyTime(child)
			}
		}
	}
	return busy
}
