package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

// gridOf is a report with one experiment of these axes on some hosts, whose only step is left open. answer says what a
// cell was answered, "" where there is none.
func gridOf(axes []lab.Axis, hosts []string, answer func(values []string) string) result.Report {
	m := result.Matrix{Name: "grid", Columns: result.OnHosts(hosts...), Rows: []result.Row{{Name: "one", Axes: axes,
		Slots: []result.RowSlot{{Variants: [][]result.RowStep{{{Process: "main", Call: "bind(a, x:80)", Want: "?", Open: true}}}}}}}}
	shape := lab.ShapeOf(axes)
	size := 1
	for _, n := range shape {
		size *= n
	}
	for column, host := range hosts {
		for combo := range size {
			var values []string
			for i, v := range shape.Values(lab.Combo(combo)) {
				values = append(values, axes[i].Values[v])
			}
			if got := answer(append(values, host)); got != "" {
				m.Cells = append(m.Cells, result.Cell{Column: int32(column), Combo: lab.Combo(combo), Got: &[]string{got}})
			}
		}
	}
	return result.NewReport(result.Environment{}, []result.Matrix{m})
}

// describe says of which cells changes are.
func describe(changes []Change) []string {
	var all []string
	for _, c := range changes {
		for _, class := range c.Classes {
			var words []string
			for _, v := range class.Where {
				words = append(words, v.String())
			}
			all = append(all, fmt.Sprintf("%s: %s: %d", strings.Join(c.Calls, ", "), strings.Join(words, ", "), len(class.Cells)))
		}
	}
	return all
}

func TestChanges(t *testing.T) {
	axes := []lab.Axis{{Name: "family", Values: []string{"tcp", "tcp6"}}, {Name: "first", Values: []string{"x", "y", "any", "lo", "z"}},
		{Name: "second", Values: []string{"x", "y", "any"}}}
	// The second family has no lo: classes need not leave it out.
	before := func(v []string) string {
		if v[0] == "tcp6" && v[1] == "lo" {
			return ""
		}
		return "ok"
	}
	for _, c := range []struct {
		name  string
		after func(v []string) string
		want  []string
	}{
		{"nothing", func([]string) string { return "" }, nil},
		{"everything", func([]string) string { return "EINVAL" }, []string{"bind(a, x:80): : 54"}},
		{"one value of one axis", func(v []string) string {
			if v[0] == "tcp6" {
				return "EINVAL"
			}
			return ""
		}, []string{"bind(a, x:80): family=tcp6: 24"}},
		{"what one value lacks is not said", func(v []string) string {
			if v[0] == "tcp6" && v[1] != "any" || v[0] == "tcp" && v[1] == "lo" {
				return "EINVAL"
			}
			return ""
		}, []string{"bind(a, x:80): family=tcp6, first=not any: 18", "bind(a, x:80): first=lo: 6"}},
		{"two ways, on one host", func(v []string) string {
			switch {
			case v[3] == "beta" && v[1] == "x" && v[2] != "x":
				return "EINVAL"
			case v[3] == "beta" && v[1] == "x":
				return "EACCES"
			}
			return ""
		}, []string{"bind(a, x:80): first=x, second=y|any, on beta: 4", "bind(a, x:80): first=x, second=x, on beta: 2"}},
	} {
		hosts := []string{"alpha", "beta"}
		d := Reports(gridOf(axes, hosts, before), gridOf(axes, hosts, func(v []string) string {
			if was := before(v); was == "" || c.after(v) == "" {
				return was
			}
			return c.after(v)
		}))
		if diff := cmp.Diff(c.want, describe(d.Changes(d.Open, d.OpenSteps))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestClassesPartition: whatever differs, each cell is in one class, those of a class differ in the same way, and the
// values of a class are those of its cells and of no others that are in both reports.
func TestClassesPartition(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 1))
	for range 300 {
		var axes []lab.Axis
		for i := range random.IntN(5) {
			a := lab.Axis{Name: fmt.Sprint("a", i)}
			for v := range 1 + random.IntN(4) {
				a.Values = append(a.Values, fmt.Sprint("v", v))
			}
			axes = append(axes, a)
		}
		hosts := []string{"alpha", "beta"}[:1+random.IntN(2)]
		noise, gaps := random.IntN(101), random.IntN(3)*20
		known := map[string]string{}
		answer := func(v []string) string {
			switch {
			case random.IntN(100) < gaps:
				return ""
			case random.IntN(100) < noise:
				return fmt.Sprint("E", random.IntN(2))
			case v[0] == "v1":
				return known["v1"]
			}
			return "ok"
		}
		known["v1"] = "ok"
		before := gridOf(axes, hosts, answer)
		known["v1"] = "EINVAL"
		after := gridOf(axes, hosts, answer)
		d := Reports(before, after)
		changes := d.Changes(d.Open, d.OpenSteps)
		met := map[Pair]bool{}
		for _, change := range changes {
			way := ""
			classes := 0
			for _, class := range change.Classes {
				if len(class.Cells) == 0 {
					t.Fatal("an empty class")
				}
				classes += len(class.Cells)
				for _, p := range class.Cells {
					if met[p] {
						t.Fatalf("%v is in two classes", p)
					}
					met[p] = true
					_, was := p.Before.In(&d.Before)
					_, is := p.After.In(&d.After)
					if w := was.Answers()[0] + is.Answers()[0]; way == "" {
						way = w
					} else if way != w {
						t.Fatalf("%s and %s in one change", way, w)
					}
				}
				if !class.Rest {
					if diff := cmp.Diff(chosen(&d, class.Where), class.Cells); diff != "" {
						t.Fatalf("%v (-its values choose +its cells):\n%s", class.Where, diff)
					}
				}
			}
			if classes != len(change.Cells) {
				t.Fatalf("%d cells in classes, of %d", classes, len(change.Cells))
			}
		}
		if len(met) != len(d.Open) {
			t.Fatalf("%d cells in classes, of %d", len(met), len(d.Open))
		}
	}
}

// chosen returns the cells of both reports that have the values.
func chosen(d *Difference, where []Values) []Pair {
	var all []Pair
	a, b := &d.Before.Matrices[0], &d.After.Matrices[0]
	for i := range b.Cells {
		c := &b.Cells[i]
		j := slices.IndexFunc(a.Cells, func(o result.Cell) bool { return o.Column == c.Column && o.Combo == c.Combo })
		if j < 0 {
			continue
		}
		values := map[string]string{columnAxis: b.ColumnOf(c)}
		for n, v := range lab.ShapeOf(b.Rows[0].Axes).Values(c.Combo) {
			values[b.Rows[0].Axes[n].Name] = b.Rows[0].Axes[n].Values[v]
		}
		if !slices.ContainsFunc(where, func(w Values) bool { return slices.Contains(w.Values, values[w.Axis]) == w.Not }) {
			all = append(all, Pair{Place{0, int32(j)}, Place{0, int32(i)}})
		}
	}
	return all
}

// Cells that have nothing in common stand in one class at the end, and there are not more classes than people read.
func TestClassesOfNoise(t *testing.T) {
	var axes []lab.Axis
	for i := range 4 {
		axes = append(axes, lab.Axis{Name: fmt.Sprint("a", i), Values: strings.Split("0123456789", "")})
	}
	before := gridOf(axes, []string{"alpha"}, func([]string) string { return "ok" })
	random := rand.New(rand.NewPCG(1, 13))
	after := gridOf(axes, []string{"alpha"}, func([]string) string { return []string{"ok", "EINVAL"}[random.IntN(2)] })
	d := Reports(before, after)
	changes := d.Changes(d.Open, d.OpenSteps)
	classes := changes[0].Classes
	rest := slices.IndexFunc(classes, func(c Class) bool { return c.Rest })
	if len(changes) != 1 || len(classes) != mostBoxes+1 || rest < 0 {
		t.Errorf("%d changes, %d classes, the rest is number %d", len(changes), len(classes), rest)
	}
}
