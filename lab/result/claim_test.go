package result_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/result"
)

// TestClaims turns what experiments showed into verdicts.
func TestClaims(t *testing.T) {
	for _, c := range []struct {
		name        string
		experiments map[string]string // "for", "against", with "+" when it has circumstances: verdicts of its cells
		want        string
	}{
		{"nothing ran", nil, "not tested"},
		{"all for", map[string]string{"for 1": "pass pass", "for 2": "pass"}, "holds"},
		{"all against", map[string]string{"against 1": "pass"}, "does not hold"},
		{"both, with circumstances", map[string]string{"for+ 1": "pass", "for+ 2": "pass", "against+ 3": "pass"},
			"holds only when 1 is so, or when 2 is so"},
		{"both, without", map[string]string{"for 1": "pass", "against 2": "pass"}, "holds only in part"},
		{"a fail in one host", map[string]string{"for 1": "pass fail", "against 2": "pass"}, "not settled"},
		{"a skip", map[string]string{"for 1": "skip", "for 2": "pass"}, "not settled"},
		{"an error", map[string]string{"against 1": "error"}, "not settled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := &lab.Topology{Claims: []lab.Claim{{Name: "C"}}}
			var m result.Matrix
			for i := range 4 {
				for _, side := range []string{"for", "for+", "against", "against+"} {
					name := fmt.Sprintf("%s %d", side, i)
					verdicts, ok := c.experiments[name]
					if !ok {
						continue
					}
					ref := lab.ClaimRef{Name: "C", Against: side[0] == 'a'}
					if side[len(side)-1] == '+' {
						ref.When = fmt.Sprintf("%d is so", i)
					}
					top.Experiments = append(top.Experiments, lab.Experiment{Name: name, Claim: ref})
					m.Rows = append(m.Rows, result.Row{Name: name, Claim: ref})
					for host, word := range strings.Fields(verdicts) {
						c := result.Cell{Row: int32(len(m.Rows) - 1), Column: int32(host)}
						if err := c.Verdict.UnmarshalText([]byte(word)); err != nil {
							t.Fatal(err)
						}
						m.Cells = append(m.Cells, c)
					}
				}
			}
			m.Claims = result.NewClaims(top)
			m.Settle()
			if got := m.Claims; len(got) != 1 || got[0].Says() != c.want {
				t.Errorf("%+v, want one claim that %s", got, c.want)
			}
			before := slices.Clone(m.Claims)
			if m.Settle(); !reflect.DeepEqual(m.Claims, before) {
				t.Errorf("settled again: %+v, was %+v", m.Claims, before)
			}
			for i := range m.Cells {
				m.Cells[i].Verdict = result.Error
			}
			m.Rows = append([]result.Row{{Name: "another", Claim: lab.ClaimRef{Name: "D"}}}, m.Rows...)
			for i := range m.Cells {
				m.Cells[i].Row++
			}
			want := result.NotSettled
			if len(c.experiments) == 0 {
				want = result.NotTested
			}
			if m.Settle(); m.Claims[0].Verdict != want {
				t.Errorf("with errors alone: %+v", m.Claims)
			}
			m.Rows, m.Cells = nil, nil
			if want == result.NotSettled {
				want = result.NotRun
			}
			if m.Settle(); m.Claims[0].Verdict != want || len(m.Claims[0].For) > 0 {
				t.Errorf("without cells: %+v", m.Claims)
			}
		})
	}
}
