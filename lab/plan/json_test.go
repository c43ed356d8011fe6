package plan

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// TestJSON writes plans and reads them again.
func TestJSON(t *testing.T) {
	for _, p := range []Plan{New(dualNIC()), New(hostile()), New(cabled()), {Name: "nothing"}} {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got Plan
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got.Name != p.Name || !slices.Equal(got.Ops, p.Ops) {
			t.Errorf("%s: written %v, read %v", p.Name, p, got)
		}
	}
	for _, text := range []string{`{"Ops":[{"AddMoon":{}}]}`, `{"Ops":[{}]}`, `{"Ops":[{"LinkUp":{},"Stock":{}}]}`,
		`{"Ops":[{"AddBridge":{"MAC":"02:00"}}]}`} {
		if err := json.Unmarshal([]byte(text), new(Plan)); err == nil {
			t.Errorf("%s can be read", text)
		}
	}
}

// TestKinds finds every operation among those that can be read.
func TestKinds(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "op.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == "op" {
			n++
			if name := fn.Recv.List[0].Type.(*ast.Ident).Name; kinds[name] == nil {
				t.Errorf("%s cannot be read from JSON", name)
			}
		}
	}
	if n != len(kinds) || n == 0 {
		t.Errorf("%d operations, %d of which can be read", n, len(kinds))
	}
}
