package capture

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

func TestName(t *testing.T) {
	axes := func(pairs ...string) (all []lab.Axis) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, lab.Axis{Name: pairs[i], Values: []string{pairs[i+1]}})
		}
		return all
	}
	long := strings.Repeat("long", 70)
	seen := map[string]string{}
	for _, c := range []struct {
		experiment string
		axes       []lab.Axis
		host, want string
	}{
		{"two-binders", nil, "alpha", "two-binders@alpha"},
		{"two", axes("first", "x", "second", "any"), "beta", "two,first=x,second=any@beta"},
		{"two", axes("first", "x,second=any"), "beta", "two,first=x%2Csecond%3Dany@beta"},
		{"two", axes("first", ""), "beta", "two,first=@beta"},
		{"two,first=", nil, "beta", "two%2Cfirst%3D@beta"},
		{"two", axes("address", "[2001:db8::1]:80"), "a", "two,address=%5B2001%3Adb8%3A%3A1%5D%3A80@a"},
		{"two", axes("path", "../../etc"), "a", "two,path=%2E.%2F..%2Fetc@a"},
		{"two", axes("path", "%2E"), "a", "two,path=%252E@a"},
		{"v1.2_x+y", axes("sign", "\x00~\u00e9"), "a", "v1.2_x+y,sign=%00%7E%C3%A9@a"},
		{"..", nil, "", "%2E.@"},
		{long, nil, "alpha", long[:216] + "~007e3b082e0f70b86f85f5b565c648e0@alpha"},
		{long + "x", nil, "alpha", ""},
		{long, nil, "beta", ""},
		{"x", nil, long, ""},
	} {
		got := Name(c.experiment, c.axes, 0, c.host)
		if c.want != "" && got != c.want {
			t.Errorf("%s", cmp.Diff(c.want, got))
		}
		if !fs.ValidPath(got) || strings.ContainsAny(got, `/\:*?"<>| `) || got[0] == '.' || len(got) > 255 {
			t.Errorf("%q is not a name for a folder", got)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%q is %q, and %q is, too", c.experiment, got, other)
		}
		seen[got] = c.experiment
	}
}

// FuzzName looks for two cells with one name.
func FuzzName(f *testing.F) {
	f.Add("e", "a", "v", "h", "e,a=v", "b", "w", "h")
	f.Add("e", "a", "v,b=w", "h", "e", "a,v=b", "w", "h")
	f.Add(strings.Repeat("e", 300), "a", "v", "h", strings.Repeat("e", 301), "a", "v", "h")
	f.Fuzz(func(t *testing.T, e1, a1, v1, h1, e2, a2, v2, h2 string) {
		one := Name(e1, []lab.Axis{{Name: a1, Values: []string{v1}}}, 0, h1)
		two := Name(e2, []lab.Axis{{Name: a2, Values: []string{v2}}}, 0, h2)
		same := e1 == e2 && a1 == a2 && v1 == v2 && h1 == h2
		if (one == two) != same || len(one) > longest || !fs.ValidPath(one) {
			t.Errorf("%q, %q", one, two)
		}
	})
}

func TestPlaces(t *testing.T) {
	of := func(names ...string) (all []*lab.Topology) {
		for _, n := range names {
			all = append(all, &lab.Topology{Layout: lab.Layout{Name: n}})
		}
		return all
	}
	for _, c := range []struct{ names, want []string }{
		{[]string{"one"}, []string{""}},
		{[]string{"one", "two", "one", "one~2"}, []string{"one", "two", "one~2", "one%7E2"}},
	} {
		if diff := cmp.Diff(c.want, Places(of(c.names...))); diff != "" {
			t.Error(diff)
		}
	}
}
