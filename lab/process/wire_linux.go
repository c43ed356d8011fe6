package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"labrun/lab"
)

// request is one call with everything resolved, as it goes to a process. What the keeper
// asks for itself is one too.
type request struct {
	Call  string        `json:"call"`
	Makes string        `json:"makes,omitempty"` // the name of the socket
	Args  []value       `json:"args,omitempty"`
	Limit time.Duration `json:"limit,omitempty"`

	passed int // the descriptor that came along, -1 when none did
}

// arg returns an argument of a request, the zero one when it was left out.
func arg[T any](r *request, i int) (v T) {
	if i < len(r.Args) {
		v, _ = r.Args[i].of.(T)
	}
	return v
}

// reply is the answer to a request.
type reply struct {
	Outcome lab.Outcome `json:"outcome,omitempty"`
	Errno   string      `json:"errno,omitempty"`
	Broken  string      `json:"broken,omitempty"` // the call could not be made at all
	Value   value       `json:"value,omitzero"`
}

// okWith is the reply of a call that has answered with a value.
func okWith(v any) reply { return reply{Outcome: lab.OK, Value: value{v}} }

// valueOf returns the value of a reply, false when it has none of that type.
func valueOf[T any](r reply) (T, bool) {
	v, ok := r.Value.of.(T)
	return v, ok
}

// value is an argument or what was answered, with its type: {"Int":5}.
type value struct{ of any }

// types are those of all values, by the names that they have on the wire.
var types = func() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, v := range []any{
		lab.Sock(""), lab.Socks{}, lab.Int(0), lab.Text(""), lab.Word(""), lab.Duration(0),
		lab.Linger{}, lab.Range{}, lab.Membership{}, lab.Selector{}, address{}, netip.AddrPort{},
		forkArgs{}, ownedArgs{}, ownedSockets{}, Table{}, cellsArgs{}, cellsReply{},
	} {
		all[reflect.TypeOf(v).Name()] = reflect.TypeOf(v)
	}
	return all
}()

// MarshalJSON writes the value and its type. A text is bytes, which a string of JSON
// cannot have all.
func (v value) MarshalJSON() ([]byte, error) {
	name, of := reflect.TypeOf(v.of).Name(), v.of
	if text, ok := of.(lab.Text); ok {
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
	case t == reflect.TypeFor[lab.Text]():
		var text []byte
		err := json.Unmarshal(of, &text)
		v.of = lab.Text(text)
		return err
	}
	p := reflect.New(t)
	err := json.Unmarshal(of, p.Interface())
	v.of = p.Elem().Interface()
	return err
}

// Owned is a socket as the process that has it sees it.
type Owned struct {
	Name     string         `json:"name"`
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
	addr, _ := valueOf[netip.AddrPort](r)
	return answer, addr
}
