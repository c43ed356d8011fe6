package topology

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/yamlpos"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("topology.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("topology.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plainValue returns YAML as an editor sees it, after YAML 1.2: keys are texts,
// values may be numbers, booleans and nulls.
func plainValue(t *testing.T, n *yaml.Node) any {
	t.Helper()
	n = yamlpos.Deref(n)
	switch n.Kind {
	case yaml.DocumentNode:
		return plainValue(t, n.Content[0])
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[yamlpos.Deref(n.Content[i]).Value] = plainValue(t, n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		items := []any{}
		for _, c := range n.Content {
			items = append(items, plainValue(t, c))
		}
		return items
	}
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	switch v.(type) {
	case nil, bool, int, int64, float64, string:
		return v
	}
	return n.Value // a date, say
}

func mustValue(t *testing.T, text string) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return plainValue(t, &n)
}

// lessons returns the files of the repository that labrun runs, and those that they share.
func lessons(t *testing.T) []string {
	t.Helper()
	return append(globbed(t, "../../topologies/*.yaml"), globbed(t, "../../topologies/shared/*.yaml")...)
}

func globbed(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files: %v", pattern, err)
	}
	return files
}

func TestFilesFitTheSchema(t *testing.T) {
	s := compiled(t)
	for _, file := range append(lessons(t), globbed(t, "testdata/ok/*.yaml")...) {
		if err := s.Validate(mustValue(t, string(mustRead(t, file)))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// base is a file with a place for a step and one for keys of its experiment.
const base = `
name: base
networks: {red: 192.0.2.0/24, blue: {subnet: 198.51.100.0/24, subnet6: "2001:db8::/64"}}
hosts: {alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, address: [198.51.100.7/24, {address: 198.51.100.8, as: y}]}}}}
experiments:
  one:
    #keys
    steps: [a = socket(tcp), 'bind(a, x:80)' #step
      ]
`

// wrongFiles are changes of base.
var wrongFiles = []struct{ old, new string }{
	{"name: base", "nam: base"},
	{"name: base", ""},
	{"name: base", "name: [base]"},
	{"name: base", "name: two words"},
	{"name: base", "name: base\ninclude: []"},
	{"name: base", "name: base\ninclude: {a: b}"},
	{"name: base", "name: base\ninclude: ../a.yaml"},
	{"name: base", "name: base\ninclude: [a/../b.yaml]"},
	{"name: base", "name: base\ninclude: /a.yaml"},
	{"name: base", "include: a.yaml"},
	{"red: 192.0.2.0/24", "red: 192.0.2.0"},
	{"red: 192.0.2.0/24", "red: []"},
	{"red: 192.0.2.0/24", "lo: 192.0.2.0/24, red: 192.0.2.0/24"},
	{"subnet6:", "subnet7:"},
	{"nics:", "nic:"},
	{"network: red", "netwrok: red"},
	{"network: red, ", ""},
	{"as: x", "as: any"},
	{"as: x", "as: "},
	{"198.51.100.7/24", "198.51.100/24"},
	{"{address: 198.51.100.8, as: y}", "{as: y}"},
	{"experiments:", "experiment:"},
	{"steps: [", "step: ["},
	{"#keys", "docs: what it asks"},
	{"#keys", "when: it rains"},
	{"#keys", "processes: {web: {usr: 1000}}"},
	{"#keys", "processes: {web: {user: nobody}}"},
	{"#keys", "processes: {web: {user: 1000, capabilities: [CAP_NET_BIND]}}"},
	{"#keys", "axes: {first: x}"},
	{"#keys", "axes: {want: [x]}"},
	{"#keys", "axes: {first: {x: {y: z}}}"},
	{"#keys", "axes: {first: [x]}\n    want: [{first: x}]"},
	{"#keys", "axes: {first: [x]}\n    want: [{first: x, else: ok}]"},
	{"#keys", "axes: {first: [x]}\n    want: [{first: x, answer: ok, linux: 6.2}]"},
	{"#keys", "axes: {first: [x]}\n    want: [{first: x, answer: ok, has: option SO_REUSEADR}]"},
	{"#keys", "axes: {first: [x]}\n    want: [{first: {nott: x}, answer: ok}]"},
	{"#keys", "axes: {first: [x]}\n    skip: x"},
	{"bind(a", "bnd(a"},
	{"bind(a", "b = bind(a"},
	{"a = socket(tcp)", "socket(tcp)"},
	{"a = socket(tcp)", "a = socket(tpc)"},
	{"x:80", "x"},
	{"bind(a, x:80)", "bind(a, x:80"},
	{"bind(a, x:80)", "bind(a)"},
	{"bind(a, x:80)", "bind(a, x:80) = EADDRINUSE!"},
	{"bind(a, x:80)", "bind(a, x:80) EADDRINUSE"},
	{"bind(a, x:80)", "bind(a, x:80) = EADRINUSE"},
	{"bind(a, x:80)", "bind(a, x:80) = EADDRINUSE | EINVALID"},
	{"bind(a, x:80)", "bind(a, x:80) = ok [EACES on linux < 6.2]"},
	{"bind(a, x:80)", "bind(a, x:80) = ok [ok on linux < 6.2] [EINVAL|EACES on linux > 6.4]"},
	{"#step", ", 'recv(a) = EAGAN'"},
	{"#step", ", 'getsockname(a) = EBAFD [x:80 on linux < 6.2]'"},
	{"#step", ", 'getsockopt(a, SO_ERROR) = ECONREFUSED'"},
	{"#step", ", {together: ['p: listen(a, 5)', 'q: listen(a, 5)'], answers: [ok, EADRINUSE]}"},
	{"#keys", "axes: {first: [x]}\n    want: [{first: x, answer: EADRINUSE}]"},
	{"bind(a, x:80)", "bnd(a, ${first}:80)"},
	{"#step", ", 'setsockopt(a, SO_REUSEADR, 1)'"},
	{"#step", ", 'setsockopt(a, SO_REUSEADDR)'"},
	{"#step", ", 'shutdown(a, SHUT_WRITE)'"},
	{"#step", ", 'kill(web, SIGTREM)'"},
	{"#step", ", 'recv(a, 5, MSG_PEAK)'"},
	{"#step", ", {second: 'bnd(a, x:80)'}"},
	{"#step", ", {second: listen}"},
	{"#step", ", {second: []}"},
	{"#step", ", {'listen(a, 5)': limit}"},
	{"#step", ", {second: 'listen(a, 5)', limit: 5}"},
	{"#step", ", {second: 'listen(a, 5)', limt: 5s}"},
	{"#step", ", {second: 'listen(a, 5)', repeat: many}"},
	{"#step", ", {run: 'true', exits: 0}"},
	{"#step", ", {run: 'true', exit: 256}"},
	{"#step", ", {run: []}"},
	{"#step", ", {run: 'true', background: yeah}"},
	{"#step", ", {run: 'true', background: true, until: sockets}"},
	{"#step", ", 7"},
}

// TestSchemaFindsMistakes changes a right file in one place at a time. What the
// schema refuses, Load refuses too; the other way round names have to be known.
func TestSchemaFindsMistakes(t *testing.T) {
	s := compiled(t)
	if err := s.Validate(mustValue(t, base)); err != nil {
		t.Fatal(err)
	}
	for _, c := range wrongFiles {
		text := strings.Replace(base, c.old, c.new, 1)
		if text == base {
			t.Errorf("%q is not in the file", c.old)
		}
		if err := s.Validate(mustValue(t, text)); err == nil {
			t.Errorf("it takes %q for %q", c.new, c.old)
		}
		if _, err := parse("base.yaml", []byte(text)); err == nil {
			t.Errorf("Load takes %q for %q", c.new, c.old)
		}
	}
}

// TestSchemaTakesSteps tries what the files in topologies do not have.
func TestSchemaTakesSteps(t *testing.T) {
	s := compiled(t)
	for _, step := range []string{
		`'${first}'`, `'${name} = socket(tcp)'`, `'bind(a, ${both})'`, `'setsockopt(a, ${option}, 1)'`,
		`'bind(${all}) = ${want}'`,
		`'bind (a , family(AF_UNIX, mapped(x)):80 , 3) = EINVAL [ok on linux < 6.2] [ok on no option SO_MARK]'`,
		`'send(a, "a) = ok, \"b\"") = 5'`, `"recv(a) = ?"`, `'kill(web)'`, `'exit()'`,
		`'getsockname(a) = [2001:db8::1]:$p'`, `'bind(a, x:80) = EWOULDBLOCK'`, `'recv(a) = "= EVIL" | "[EVIL" | EAGAIN'`,
		`'who(EA, EB) = EA, EB'`, `'EA = accept(a) = ok from [2001:db8::1]:80 [EAGAIN on linux < 6.2]'`,
		`'EA = accept(a) = ok from "a name"'`, `'poll(a) = POLLERR | POLLHUP'`, `'getsockname(EA) = EXT.x:80'`,
		`'epoll_ctl(a, EPOLL_CTL_ADD, b, EPOLLIN|EPOLLET)'`, `'getsockopt(a, TCP_INFO.state) = ESTABLISHED'`,
		`'sockets(any:80) = ESTABLISHED ESTABLISHED | none'`, `'setsockopt(a, SO_LINGER, {l_onoff=1, l_linger=0})'`,
		`'fork(child, a, b)'`, `'b = accept(a, SOCK_NONBLOCK|SOCK_CLOEXEC)'`, `'connect(a, unspec)'`,
		`'bind(a, "@name")'`,
		`{peer/web: 'listen(a, 5)', until: 1m0.5s, limit: '${limit}', repeat: '${n}'}`,
		`{'${who}': ['listen(a, 5)', {other: exit()}]}`,
		`{run: [echo, 1, true], stdout: , exit: '0', repeat: 2}`, `{run: 'true', background: 'true', as: '${who}'}`,
	} {
		if err := s.Validate(mustValue(t, strings.Replace(base, "#step", ", "+step, 1))); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
}

// TestSchemaExamples holds what editors complete to what Load takes, and so every
// row of the vocabulary to an example.
func TestSchemaExamples(t *testing.T) {
	s := compiled(t)
	call := s.Properties["experiments"].AdditionalProperties.(*jsonschema.Schema).Properties["steps"].AnyOf[0].Ref.
		Items2020.Ref.Else.AnyOf[0].Ref
	var examples []string
	var collect func(*jsonschema.Schema)
	collect = func(s *jsonschema.Schema) {
		if s.Ref != nil {
			collect(s.Ref)
		}
		for _, e := range s.Examples {
			examples = append(examples, e.(string))
		}
		for _, form := range s.AnyOf {
			collect(form)
		}
	}
	collect(call)
	var raw struct {
		Defs map[string]struct {
			DefaultSnippets []struct {
				Label string
				Body  any // a step, or a mapping of another section
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &raw); err != nil {
		t.Fatal(err)
	}
	for name, def := range raw.Defs {
		for _, s := range def.DefaultSnippets {
			if !strings.HasPrefix(name, "call-") {
				continue
			}
			if s.Body != s.Label || strings.ContainsAny(s.Label, "$}") { // which mean something in a snippet
				t.Errorf("%s puts %v into a file", s.Label, s.Body)
			}
			examples = append(examples, s.Label)
		}
	}
	for _, e := range examples {
		if _, _, err := syntax.ParseStep(e); err != nil {
			t.Errorf("%s: %v", e, err)
		}
		if err := call.Validate(e); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
	has := func(parts ...string) bool {
		return slices.ContainsFunc(examples, func(e string) bool {
			return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(e, p) })
		})
	}
	for _, sig := range lab.Signatures {
		if !has(sig.Name + "(") {
			t.Errorf("no example of %s", sig.Name)
		}
	}
	for _, o := range lab.Options {
		set := has("setsockopt(", " "+o.Name+",") || o.Value == lab.ValueInfo // which can only be read
		if !set || !has("getsockopt(", " "+o.Name+")") {
			t.Errorf("no example of %s", o.Name)
		}
	}
	for _, w := range lab.SocketTypes {
		if !has("= socket(" + w + ")") {
			t.Errorf("no example of socket(%s)", w)
		}
	}
}

// walk visits every schema that is reached from s, each once.
func walk(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool, visit func(*jsonschema.Schema)) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	visit(s)
	all := slices.Concat(s.AnyOf, s.OneOf, s.AllOf, slices.Collect(maps.Values(s.Properties)))
	all = append(all, s.Ref, s.Items2020, s.PropertyNames, s.If, s.Then, s.Else)
	if more, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		all = append(all, more)
	}
	for _, other := range all {
		walk(other, seen, visit)
	}
}

// mostHover is two lines of an editor, in characters.
const mostHover = 200

func TestSchemaIsClosedAndDescribed(t *testing.T) {
	walk(compiled(t), map[*jsonschema.Schema]bool{}, func(s *jsonschema.Schema) {
		if s.Properties != nil && s.AdditionalProperties == nil {
			t.Errorf("%s is open", s.Location)
		}
		if s.PropertyNames != nil && s.Description == "" {
			t.Errorf("%s has no description", s.Location)
		}
		if n := utf8.RuneCountInString(s.Description); n > mostHover || strings.Count(s.Description, "\n\n") > 1 {
			t.Errorf("%s: an editor shows %d characters: %s", s.Location, n, s.Description)
		}
		for key, p := range s.Properties {
			if p.Description == "" && (p.Ref == nil || p.Ref.Description == "") {
				t.Errorf("%s, key %s has no description", s.Location, key)
			}
		}
	})
}

// TestSchemaHasTheKeysOfTheReader gives the reader a key that nobody knows
// everywhere, and compares the keys that it says are allowed with the schema's.
func TestSchemaHasTheKeysOfTheReader(t *testing.T) {
	_, err := parse("keys.yaml", []byte(`
name: keys
qqqqqq: 1
networks: {red: {subnet: 192.0.2.0/24, qqqqqq: 1}}
defaults: {qqqqqq: 1}
hosts: {alpha: {qqqqqq: 1, nics: {eth0: {network: red, qqqqqq: 1, address: [{address: 192.0.2.1, qqqqqq: 1}]}}}}
probes: {p: {qqqqqq: 1, steps: [a = socket(tcp)]}}
experiments:
  e: {qqqqqq: 1, processes: {web: {user: 1, qqqqqq: 1}}, axes: {first: [x]}, skip: [{first: {qqqqqq: 1}}], steps: [a = socket(tcp)]}
  f: {steps: [{run: "true", qqqqqq: 1}]}
`))
	var found Diagnostics
	if !errors.As(err, &found) {
		t.Fatal(err)
	}
	var want []string
	for _, d := range found {
		if m := regexp.MustCompile(`unknown key "qqqqqq" in .*; allowed: (.*)`).FindStringSubmatch(d.Msg); m != nil {
			want = append(want, m[1])
		}
	}
	var got []string
	walk(compiled(t), map[*jsonschema.Schema]bool{}, func(s *jsonschema.Schema) {
		if s.AdditionalProperties != false {
			return
		}
		keys := slices.Sorted(maps.Keys(s.Properties))
		if i := slices.Index(keys, "repeat"); i >= 0 { // may stand beside anything, and is read first
			keys = slices.Delete(keys, i, i+1)
		}
		got = append(got, strings.Join(keys, ", "))
	})
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
		t.Errorf("the reader (-), the schema (+):\n%s", diff)
	}
}

// TestSchemaIsForJavaScript keeps what only Go's patterns have out of it.
func TestSchemaIsForJavaScript(t *testing.T) {
	for _, m := range regexp.MustCompile(`\\\\p[^{]|\\\\[zAQ]|\(\?[^:]|\[\[:`).FindAllString(string(Schema()), -1) {
		t.Errorf("the schema has %s", m)
	}
}
