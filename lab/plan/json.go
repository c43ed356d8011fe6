package plan

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// kinds are the operations by the names that they have in JSON.
var kinds = func() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, o := range []Op{
		AddNamespace{}, Stock{}, Neighbours{}, Sysctl{}, AddBridge{}, AddVeth{}, AddCable{}, AddAddress{}, AddressMode{},
		LinkUp{}, Add{}, AddLink{}, SetMaster{}, NFT{}, Netem{},
	} {
		all[kindOf(o)] = reflect.TypeOf(o)
	}
	return all
}()

// kindOf names an operation: "AddVeth".
func kindOf(o Op) string { return reflect.TypeOf(o).Name() }

// Lines returns the operations in their order, each as an object with one key, the
// name of its type.
func (p Plan) Lines() []map[string]Op {
	lines := make([]map[string]Op, len(p.Ops))
	for i, o := range p.Ops {
		lines[i] = map[string]Op{kindOf(o): o}
	}
	return lines
}

// MarshalJSON writes the name and the lines.
func (p Plan) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name string
		Ops  []map[string]Op
	}{p.Name, p.Lines()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Plan) UnmarshalJSON(text []byte) error {
	var from struct {
		Name string
		Ops  []map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &from); err != nil {
		return err
	}
	*p = Plan{Name: from.Name}
	for _, o := range from.Ops {
		if len(o) != 1 {
			return fmt.Errorf("%d operations in the place of one", len(o))
		}
		for kind, text := range o {
			t, ok := kinds[kind]
			if !ok {
				return fmt.Errorf("no operation %q", kind)
			}
			op := reflect.New(t)
			if err := json.Unmarshal(text, op.Interface()); err != nil {
				return err
			}
			p.Ops = append(p.Ops, op.Elem().Interface().(Op))
		}
	}
	return nil
}

// MarshalText writes the address as ip(8) does.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads it.
func (m *MAC) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), ":", ""))
	if err != nil || len(b) != len(m) {
		return fmt.Errorf("%q is not a link-layer address", text)
	}
	copy(m[:], b)
	return nil
}
