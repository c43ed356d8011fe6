package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// request is one call with everything resolved, as it goes to a process. What the keeper
// asks for itself is one too.
type request struct {
	Call  string        `json:"call"`
	Makes string        `json:"makes,omitempty"` // the name of the socket
	Args  []value       `json:"args,omitempty"`
	Limit time.Duration `json:"limit,omitempty"`
	// What the answer is to tell, which changes the call: Sender hands the kernel room for an address,
	// With is for what came along. Without them the kernel is asked for nothing more.
	Sender bool `json:"sender,omitempty"`
	With   bool `json:"with,omitempty"`

	// What the process adds. A call works with descriptors from here on, so that it does not
	// matter to it what happens to the names while it waits.
	passed int   // the descriptor that came along, -1 when none did
	fds    []int // the descriptors of the arguments that are sockets, in their order
}

// arg returns an argument of a request, the zero one when it was left out.
func arg[T any](r *request, i int) (v T) {
	if i < len(r.Args) {
		v, _ = r.Args[i].of.(T)
	}
	return v
}

// hasArg is arg for what may be left out, and reports whether it is there.
func hasArg[T any](r *request, i int) (v T, ok bool) {
	if i < len(r.Args) {
		v, ok = r.Args[i].of.(T)
	}
	return v, ok
}

// reply is the answer to a request. What the kernel answers, an errno included, is an outcome;
// Broken is labrun's own failure, and ends the cell with an error: neither is ever taken for the
// other.
type reply struct {
	Outcome lab.Outcome `json:"outcome,omitempty"`
	Errno   string      `json:"errno,omitempty"`
	Broken  string      `json:"broken,omitempty"` // the call could not be made at all
	Value   value       `json:"value,omitzero"`
	From    value       `json:"from,omitzero"` // the sender, an AddrPort or a Text; none is AF_UNSPEC
	With    []control   `json:"with"`          // nil when nothing asked
}

// replies are those to several requests.
type replies []reply

// ended is the reply to a system call that answers no value. Errno 0 is success as nil is:
// unix.Syscall returns it. An error without an errno is why the call was not made.
func ended(err error) reply {
	if err == unix.Errno(0) {
		err = nil
	}
	a, ok := sys.AnswerOf(err)
	switch errno := sys.ErrnoOf(err); {
	case ok:
		return reply{Outcome: a.Outcome, Errno: a.Errno}
	case errno != 0:
		return reply{Broken: fmt.Sprintf("the kernel answered with errno %d, which has no name", errno)}
	}
	return reply{Broken: err.Error()}
}

// unknown is the reply to a request about a name that no call has given a socket.
func unknown(sock string) reply { return reply{Broken: fmt.Sprintf("socket %s was never made", sock)} }

// okWith is the reply of a call that has answered with a value.
func okWith(v any) reply { return reply{Outcome: lab.OK, Value: value{v}} }

// valueOf returns the value of a reply, false when it has none of that type.
func valueOf[T any](r reply) (T, bool) {
	v, ok := r.Value.of.(T)
	return v, ok
}

// value is an argument or what was answered, with its type: {"Int":5}. Keeper and process are
// the same program, so a type needs no name but its own, and a call gets the very type that the
// vocabulary has.
type value struct{ of any }

// kinds are the types of all values, each with the kinds of arguments that it may be; those
// without any are answers, or the keeper's own. A new kind of value is a row here.
var kinds = map[reflect.Type][]lab.Kind{
	reflect.TypeFor[lab.Sock](): {lab.KindSock, lab.KindMessage},
	reflect.TypeFor[lab.New]():  {lab.KindNew},
	reflect.TypeFor[lab.Int](): {
		lab.KindFamily, lab.KindSockType, lab.KindProtocol, lab.KindEvents, lab.KindEpollOp, lab.KindEpoll, lab.KindIoctl,
		lab.KindInt, lab.KindPart, lab.KindLength, lab.KindDescriptor, lab.KindUser, lab.KindFDFlags, lab.KindValue,
		lab.KindRequest, lab.KindSetting,
	},
	reflect.TypeFor[lab.Text](): {
		lab.KindText, lab.KindValue, lab.KindAddr, lab.KindPath, lab.KindMessage, lab.KindPart,
	},
	reflect.TypeFor[lab.Word](): {
		lab.KindType, lab.KindSockFlags, lab.KindFlags, lab.KindHow, lab.KindFcntl, lab.KindFDFlags, lab.KindOption,
		lab.KindPart, lab.KindErrno, lab.KindFamily, lab.KindSockType, lab.KindProtocol, lab.KindEvents, lab.KindEpollOp,
		lab.KindEpoll, lab.KindIoctl, lab.KindSetting, lab.KindSignal, lab.KindHandled,
		lab.KindRestart, lab.KindHook, lab.KindProgram,
	},
	reflect.TypeFor[lab.Pointer](): {
		lab.KindAddr, lab.KindText, lab.KindValue, lab.KindMessage, lab.KindEpoll, lab.KindRoom, lab.KindPart, lab.KindInt,
		lab.KindLength, lab.KindSockFlags,
	},
	reflect.TypeFor[lab.Room]():        {lab.KindRoom, lab.KindSockFlags},
	reflect.TypeFor[lab.Pending]():     {lab.KindPending},
	reflect.TypeFor[lab.Duration]():    {lab.KindDuration, lab.KindValue},
	reflect.TypeFor[lab.Bytes]():       {lab.KindValue},
	reflect.TypeFor[address]():         {lab.KindAddr, lab.KindPart},
	reflect.TypeFor[lab.PacketAddr]():  {lab.KindAddr, lab.KindPart},
	reflect.TypeFor[lab.NetlinkAddr](): {lab.KindAddr, lab.KindPart},
	reflect.TypeFor[lab.Name]():        {lab.KindNIC, lab.KindRequest},
	reflect.TypeFor[netip.Addr]():      {lab.KindBare},
	reflect.TypeFor[control]():         {lab.KindPart},
	reflect.TypeFor[lab.Linger]():      {lab.KindValue},
	reflect.TypeFor[lab.Range]():       {lab.KindValue},
	reflect.TypeFor[lab.Membership]():  {lab.KindValue},
	reflect.TypeFor[lab.Selector]():    {lab.KindValue},
	reflect.TypeFor[lab.Socks]():       nil,
	reflect.TypeFor[lab.Texts]():       nil,
	reflect.TypeFor[netip.AddrPort]():  nil,
	reflect.TypeFor[lab.Signallers]():  nil,
	reflect.TypeFor[forkArgs]():        nil,
	reflect.TypeFor[ownedArgs]():       nil,
	reflect.TypeFor[ownedSockets]():    nil,
	reflect.TypeFor[cellsArgs]():       nil,
	reflect.TypeFor[cellsReply]():      nil,
	reflect.TypeFor[request]():         nil,
	reflect.TypeFor[replies]():         nil,
}

// fits reports whether a value may be an argument of that kind.
func (v value) fits(kind lab.Kind) bool { return slices.Contains(kinds[reflect.TypeOf(v.of)], kind) }

// types are those of all values, by the names that they have on the wire.
var types = func() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for t := range kinds {
		all[t.Name()] = t
	}
	return all
}()

// MarshalJSON writes the value and its type. A text is bytes, which a string of JSON
// cannot have all.
func (v value) MarshalJSON() ([]byte, error) {
	name, of := reflect.TypeOf(v.of).Name(), v.of
	switch text := of.(type) {
	case lab.Text:
		of = []byte(text)
	case lab.Bytes:
		of = []byte(text)
	}
	b, err := json.Marshal(of)
	return slices.Concat([]byte(`{"`+name+`":`), b, []byte("}")), err
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *value) UnmarshalJSON(b []byte) error {
	name, of, ok := bytes.Cut(bytes.TrimSuffix(bytes.TrimPrefix(b, []byte(`{"`)), []byte("}")), []byte(`":`))
	t := types[string(name)]
	switch {
	case !ok || t == nil:
		return fmt.Errorf("%s is not a value", b)
	case t == reflect.TypeFor[lab.Text](), t == reflect.TypeFor[lab.Bytes]():
		var text []byte
		err := json.Unmarshal(of, &text)
		v.of = reflect.ValueOf(string(text)).Convert(t).Interface()
		return err
	}
	p := reflect.New(t)
	err := json.Unmarshal(of, p.Interface())
	v.of = p.Elem().Interface()
	return err
}

// address is what a lab.Addr stands for.
type address struct {
	IP     netip.AddrPort // none for lab.Unspec
	Family string         // what sa_family says instead of the truth
}

// control is a lab.Control with everything resolved.
type control struct {
	Name string
	Args []value
}

// forkArgs are a child's name, and the sockets that it gets; none means all.
type forkArgs struct {
	Name  string
	Socks []string
}

// ownedArgs choose sockets: the one of a name, those at some ports, or those of unix(7).
type ownedArgs struct {
	Name  string
	Ports []uint16
	Unix  bool
}

type ownedSockets []Owned

// Owned is a socket as the process that has it sees it, for the evidence in a report: which
// other sockets could have stood in the way of a call.
type Owned struct {
	Name     string         `json:"name"`
	FD       int            `json:"fd"`
	Inode    uint32         `json:"inode"`
	Protocol string         `json:"protocol"`
	UID      uint32         `json:"uid"`
	Local    netip.AddrPort `json:"local,omitzero"`
	Remote   netip.AddrPort `json:"remote,omitzero"`
	Device   string         `json:"device,omitempty"` // that SO_BINDTODEVICE ties it to
	V6Only   bool           `json:"v6only,omitempty"`
	Range    lab.Range      `json:"range,omitzero"`    // IP_LOCAL_PORT_RANGE
	Options  []string       `json:"options,omitempty"` // that are set, of those that sock_diag does not tell
}

// Table is what a host's network namespace has of sockets, whosever they are. A
// netlink socket, as the host's links were made with, counts until some
// milliseconds after its close (netlink_release waits for RCU): in a new host
// Sockets may still fall.
type Table struct {
	Sockets  int `json:"sockets"`  // of every family; sockets in TIME_WAIT do not count
	TimeWait int `json:"timewait"` // TCP connections in TIME_WAIT
}

// cellsArgs are the cells that "cells" is to carry out.
type cellsArgs struct {
	Combos []lab.Combo
	Fresh  Table // what the host has before each
	Stop   bool  // at the first red one
}

// cellsReply is the answer to "cells": for each the number of its trace, with the
// lowest bit set when it is red, and the traces that were not told of before.
type cellsReply struct {
	IDs    []byte     `json:"ids"`
	Traces [][]uint16 `json:"traces,omitempty"`
	Why    Why        `json:"why,omitempty"`
}

// Why a process did not carry out all the cells that it was asked for.
type Why string

// The reasons.
const (
	Done Why = ""     // it did
	Red  Why = "red"  // the last one is red, its sockets are still there
	Left Why = "left" // the last one left something in the host: another one would not be undisturbed
	Full Why = "full" // the answer has no more room; go on with the next one
	Late Why = "late" // the next one is not answered: segments of it came late, or not at all
)

// The largest message either way: a text of 64 KiB in base64, and its frame.
const maxMessage = 128 << 10

// maxText is the longest text that a call receives.
const maxText = 64 << 10

// Arg0 is what a process's argv[0] says, so that ps(1) tells what it is.
const Arg0 = "labrun-process"

// answer returns what the reply says of a call, with the address that it
// answered when there is one.
func (r reply) answer() (lab.Answer, netip.AddrPort) {
	answer := lab.Answer{Outcome: r.Outcome, Errno: r.Errno}
	answer.Value, _ = r.Value.of.(lab.Arg)
	answer.From = inVocabulary(r.From)
	if r.With != nil {
		answer.With = []lab.Control{}
	}
	for _, c := range r.With {
		to := lab.Control{Name: c.Name}
		for _, v := range c.Args {
			to.Args = append(to.Args, inVocabulary(v))
		}
		answer.With = append(answer.With, to)
	}
	addr, _ := valueOf[netip.AddrPort](r)
	return answer, addr
}

// inVocabulary returns an address that a process has answered as a literal of lab's, another value
// as it is, and nil for none.
func inVocabulary(v value) lab.Arg {
	switch of := v.of.(type) {
	case netip.AddrPort:
		if !of.IsValid() {
			return lab.Unspec
		}
		return lab.Addr{IP: of.Addr(), Port: lab.Port{Number: of.Port()}}
	case netip.Addr:
		return lab.Bare{IP: of}
	case lab.Arg:
		return of
	}
	return nil
}
