package report

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"labrun/lab"
	"labrun/lab/result"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("report.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, text string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestReportsFitTheSchema(t *testing.T) {
	s := schema(t)
	noHosts := sample()
	noHosts.Matrices[3].Columns = nil // --host named one of another file
	for name, r := range map[string]result.Report{
		"sample": sample(), "hostile": hostile(), "no hosts": noHosts,
		"nothing": result.NewReport(result.Environment{}, nil),
		"many":    result.NewReport(result.Environment{}, []result.Matrix{many(2000)}),
	} {
		if err := validate(s, string(mustJSON(t, r))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaIsClosed(t *testing.T) {
	s := schema(t)
	for _, c := range []struct{ old, new string }{
		{`"digest"`, `"disgust"`},
		{`"passed"`, `"past"`},
		{`"file"`, `"fill"`},
		{`"shown": true`, `"shone": true`},
		{`"process":"web"`, `"prozess":"web"`},
		{`"verdict":"pass"`, `"verdict":"maybe"`},
		{`"verdict":"pass",`, ``},
		{`"got":["ok"]`, `"got":"ok"`},
		{`"protocol":"tcp"`, `"protokoll":"tcp"`},
		{`"prefix"`, `"address"`},
		{`"subnet"`, `"subnet4"`},
		{`"sysctls": {`, `"sysctls": {"a": 1,`},
		{"2026-11-22T13:00:00Z", "yesterday"},
		{"\"alpha\",\n        \"beta\"", `"alpha","alpha"`},
	} {
		if err := validate(s, change(t, c.old, c.new)); err == nil {
			t.Errorf("it takes %s for %s", c.new, c.old)
		}
	}
}

// TestSchemaHasEveryField holds the schema to the types, field by field.
func TestSchemaHasEveryField(t *testing.T) {
	s := schema(t)
	for _, c := range []struct {
		value any
		of    func() *jsonschema.Schema
	}{
		{result.Report{}, func() *jsonschema.Schema { return s }},
		{result.Environment{}, at(s, "environment")},
		{result.KernelInfo{}, at(s, "environment", "kernels")},
		{result.Shard{}, at(s, "environment", "shard")},
		{result.Machine{}, at(s, "environment", "machines")},
		{result.Counts{}, at(s, "counts")},
		{result.KernelResult{}, at(s, "by_kernel")},
		{result.Change{}, at(s, "changes")},
		{result.KernelSaid{}, at(s, "changes", "before")},
		{result.KnownChange{}, at(s, "changes", "known")},
		{result.Matrix{}, at(s, "topologies")},
		{lab.Lesson{}, at(s, "topologies", "lesson")},
		{lab.Layout{}, at(s, "topologies", "topology")},
		{lab.Network{}, at(s, "topologies", "topology", "networks")},
		{lab.Host{}, at(s, "topologies", "topology", "hosts")},
		{lab.NIC{}, at(s, "topologies", "topology", "hosts", "nics")},
		{lab.Address{}, at(s, "topologies", "topology", "hosts", "nics", "addresses")},
		{result.Row{}, at(s, "topologies", "rows")},
		{lab.Axis{}, at(s, "topologies", "rows", "axes")},
		{result.RowSlot{}, at(s, "topologies", "rows", "steps")},
		{result.Other{}, at(s, "topologies", "rows", "steps", "others")},
		{result.RowStep{}, at(s, "topologies", "rows", "steps", "variants")},
		{result.Snapshot{}, at(s, "topologies", "cells", "evidence")},
		{result.SocketInfo{}, at(s, "topologies", "cells", "evidence", "sockets")},
		{result.Output{}, at(s, "topologies", "cells", "outputs")},
		{result.Tally{}, at(s, "topologies", "cells", "flaky")},
		{result.ClaimResult{}, at(s, "topologies", "claims")},
		{result.ClaimEvidence{}, at(s, "topologies", "claims", "for")},
	} {
		var want, got []string
		for f := range reflect.TypeOf(c.value).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" && f.Name == "Cells" {
				name = "cells" // by hand
			}
			if name != "-" {
				want = append(want, name)
			}
		}
		switch c.value.(type) {
		case result.Report:
			want = append(want, "version") // of the form, and not of the run
		case result.Environment:
			want = append(want, "kernel", "kernel_version", "machine", "user", "sysctls") // of an only kernel
		case result.Row:
			want = append(want, "when") // with claim, one value
		}
		for name, p := range c.of().Properties {
			got = append(got, name)
			if p.Description == "" && (p.Ref == nil || p.Ref.Description == "") {
				t.Errorf("%T: %s has no description", c.value, name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T (-), the schema (+):\n%s", c.value, diff)
		}
	}
	var note []string
	for f := range reflect.TypeFor[result.Note]().Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" { // a note to the run itself
			note = append(note, name)
		}
	}
	for _, name := range append(note, "cell", "host", "verdict", "got") {
		if at(s, "topologies", "cells")().Properties[name] == nil {
			t.Errorf("the schema has no %s of a cell", name)
		}
	}
}

// at finds the schema of what stands below some keys, through references and arrays.
func at(s *jsonschema.Schema, keys ...string) func() *jsonschema.Schema {
	return func() *jsonschema.Schema {
		for _, key := range keys {
			s = inside(s.Properties[key])
		}
		return s
	}
}

func inside(s *jsonschema.Schema) *jsonschema.Schema {
	for {
		switch items, ok := s.Items2020, s.Items2020 != nil; {
		case s.Ref != nil:
			s = s.Ref
		case ok:
			s = items
		default:
			return s
		}
	}
}
