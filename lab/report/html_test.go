package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

func mustHTML(t testing.TB, r result.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pageParts takes a page apart: its text without scripts and style, and its data.
func pageParts(t testing.TB, page string) (text, data string) {
	t.Helper()
	text, scripts, ok := strings.Cut(page, `<script type="application/json" id="data">`)
	if !ok {
		t.Fatal("no data")
	}
	data, scripts, _ = strings.Cut(scripts, "</script>\n<script>")
	if scripts != pageScript()+"</script>\n</body>\n</html>\n" {
		t.Error("behind the data there is more than the script")
	}
	before, style, _ := strings.Cut(text, "<style>")
	style, after, _ := strings.Cut(style, "</style>")
	if style != pageStyle() {
		t.Error("the style is not as in the files, so that the policy does not allow it")
	}
	return before + "<style></style>" + after, data
}

// TestHTMLGolden holds the page of the sample to a file, without the style and the
// scripts, which are files themselves.
func TestHTMLGolden(t *testing.T) {
	page := mustHTML(t, sample())
	text, data := pageParts(t, page)
	text = regexp.MustCompile(`'sha256-[^ ;]*'`).ReplaceAllString(text, "HASH")
	var lines bytes.Buffer
	if err := json.Indent(&lines, []byte(data), "", " "); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.html", text+"DATA\n"+lines.String()+"\n")
}

// strangers has a stranger's texts in all places.
func strangers() result.Report {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&{{.}}` + "\u2028"
	r := sample()
	for i := range r.Matrices {
		m := &r.Matrices[i]
		m.File, m.Name, m.Doc, m.Source = evil, evil, evil, evil+"\n<!--"+evil
		m.Included = []lab.Included{{File: evil, Text: evil + "\n<!--" + evil}}
		for j := range m.Columns {
			m.Columns[j].Host += evil
		}
		for j := range m.Layout.Hosts {
			h := &m.Layout.Hosts[j]
			h.Name += evil
			for k := range h.NICs {
				h.NICs[k].Name, h.NICs[k].Network = evil, evil
				for l := range h.NICs[k].Addresses {
					h.NICs[k].Addresses[l].Alias = evil
				}
			}
		}
		for j := range m.Layout.Networks {
			m.Layout.Networks[j].Name += evil
		}
		for j := range m.Rows {
			w := &m.Rows[j]
			w.Name, w.Doc, w.Claim, w.File = w.Name+evil, evil, lab.ClaimRef{Name: evil, When: evil}, evil
			for k := range w.Axes {
				w.Axes[k].Name += evil
				for l := range w.Axes[k].Values {
					w.Axes[k].Values[l] += evil
				}
			}
			for k := range w.Slots {
				for _, v := range w.Slots[k].Variants {
					for l := range v {
						v[l].Call, v[l].Process, v[l].Want = evil, evil, evil
					}
				}
			}
		}
		for j := range m.Cells {
			c := &m.Cells[j]
			for k := range c.Answers() {
				c.Answers()[k] = evil
			}
			if n := c.Note; n != nil {
				n.Reason += evil
				for _, s := range n.Evidence {
					for k := range s.Sockets {
						h := &s.Sockets[k]
						h.Host, h.Protocol, h.State, h.Local, h.Remote, h.Device = evil, evil, evil, evil, evil, evil
						h.Owners, h.Options, h.Timer = []string{evil}, []string{evil}, evil
					}
				}
				for k := range n.Outputs {
					n.Outputs[k].Stdout, n.Outputs[k].Stderr, n.Outputs[k].Process = evil, evil, evil
				}
				for k := range n.Captures {
					n.Captures[k] += evil
				}
			}
		}
		for j := range m.Claims {
			c := &m.Claims[j]
			c.Name, c.Text, c.When = evil, evil, []string{evil}
			for k := range c.For {
				c.For[k].Experiment, c.For[k].When = evil, evil
			}
		}
	}
	r.Environment.Labrun = evil
	r.Environment.Kernels = []result.KernelInfo{{Release: evil, Machine: evil, User: evil,
		Sysctls: map[string]string{evil: evil}}}
	return r
}

// TestHTMLHoldsOnlyItsOwnScripts has names and outputs that would be markup.
func TestHTMLHoldsOnlyItsOwnScripts(t *testing.T) {
	page := mustHTML(t, strangers())
	text, data := pageParts(t, page)
	if !strings.Contains(text, "alert(1)") {
		t.Error("the hostile texts are not in the page")
	}
	for _, bad := range []string{"<script", "</script", "<img", "<!--"} {
		if strings.Contains(strings.ToLower(text), bad) {
			t.Errorf("a stranger's %s is markup", bad)
		}
	}
	if strings.ContainsAny(data, "<>") {
		t.Error("the data have a bracket that could end them")
	}
}

// TestHTMLRefersToNothingOutside looks for what a browser would fetch.
func TestHTMLRefersToNothingOutside(t *testing.T) {
	page := mustHTML(t, sample())
	for _, m := range regexp.MustCompile(`(?:src|href|action|data|poster)="([^"]*)"|url\(([^)]*)\)|@import`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "data:image/svg+xml,") {
			t.Errorf("the page refers to %q", m[0])
		}
	}
	if !strings.Contains(page, "default-src 'none'") {
		t.Error("no policy")
	}
}

// TestPageScriptsMakeNoMarkup holds the scripts to elements and text.
func TestPageScriptsMakeNoMarkup(t *testing.T) {
	if m := regexp.MustCompile(`(?i)(inner|outer)HTML|insertAdjacent|document\.write|\beval\b|new Function|setTimeout\(['"]|srcdoc|createContextualFragment`).FindString(pageScript()); m != "" {
		t.Errorf("the scripts use %s", m)
	}
}

// TestStyleIsOfSomething finds every class of the style sheets in what makes the page: a rule for a
// class that has another name now does nothing, and nobody sees it.
func TestStyleIsOfSomething(t *testing.T) {
	makers := pageScript() + joinFiles("foot.html")
	for _, file := range []string{"html.go", "html_text.go", "../graph/svg.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		makers += string(text)
	}
	makers = regexp.MustCompile(`(?m)(^|\s)//.*$`).ReplaceAllString(makers, "")
	sheets := regexp.MustCompile(`\{[^{}]*\}`).ReplaceAllString(joinFiles("base.css", "parts.css", "print.css"), "")
	for _, m := range regexp.MustCompile(`\.([a-z][-a-z0-9]*)`).FindAllStringSubmatch(sheets, -1) {
		if strings.HasPrefix(m[1], "env-") || len(m[1]) == 2 && m[1][0] == 'c' { // made of a word and a number
			continue
		}
		if !regexp.MustCompile("['\"` ]" + m[1] + "[\\\\'\"` ]").MatchString(makers) {
			t.Errorf("nothing has the class %s", m[1])
		}
	}
}

// TestDataBlockHoldsTheCells reads the data back as the scripts do.
func TestDataBlockHoldsTheCells(t *testing.T) {
	r := sample()
	r.Matrices = append(r.Matrices, onKernels().Matrices...)
	r = visible(r) // as the page has it
	_, text := pageParts(t, mustHTML(t, r))
	var d struct {
		Topologies []struct {
			Rows []struct {
				Axes  []lab.Axis
				Slots []struct {
					Axes, Variants []int
					Others         []struct{ Hosts, Variants []int }
				}
			}
			Blocks [][]json.RawMessage
			Noted  []int
		}
		Variants [][]int
		Answers  [][]int
		Notes    []result.Note
		Steps    []int
		Words    []string
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	into := func(text json.RawMessage, v any) {
		t.Helper()
		if err := json.Unmarshal(text, v); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range r.Matrices {
		var cells []result.Cell
		for _, b := range d.Topologies[i].Blocks {
			var row, host int32
			var runs, answers []int
			var verdicts string
			for j, v := range []any{&row, &host, &runs, &verdicts, &answers} {
				into(b[j], v)
			}
			for j := 0; j < len(runs); j += 2 {
				for k := range runs[j+1] {
					cells = append(cells, result.Cell{Row: row, Column: host, Combo: lab.Combo(runs[j] + k)})
				}
			}
			first := len(cells) - len(answers)
			for j, a := range answers {
				c := &cells[first+j]
				c.Verdict = result.Verdict(verdicts[j] - '0')
				var got []string
				for _, w := range d.Answers[a] {
					got = append(got, d.Words[w])
				}
				if got != nil {
					c.Got = &got
				}
			}
		}
		for j := 0; j < len(d.Topologies[i].Noted); j += 2 {
			cells[d.Topologies[i].Noted[j]].Note = &d.Notes[d.Topologies[i].Noted[j+1]]
		}
		if diff := cmp.Diff(m.Cells, cells); diff != "" {
			t.Errorf("%s: report (-), data (+):\n%s", m.Name, diff)
		}
		for j, row := range d.Topologies[i].Rows {
			shape := lab.ShapeOf(row.Axes)
			combos := 1
			for _, n := range shape {
				combos *= n
			}
			for n := range combos * len(m.Columns) {
				c, column := n%combos, n/combos
				values := shape.Values(lab.Combo(c))
				var got []string
				for _, s := range row.Slots {
					variants := s.Variants
					for _, o := range s.Others {
						if slices.Contains(o.Hosts, column) {
							variants = o.Variants
						}
					}
					if v := variants[shape.Index(s.Axes, values)]; v >= 0 {
						for _, x := range d.Variants[v] {
							n := d.Steps[8*x : 8*x+8]
							got = append(got, fmt.Sprint(n[0], d.Words[n[1]], d.Words[n[2]], d.Words[n[3]], n[4] == 1,
								d.Words[n[5]], n[6], d.Words[n[7]]))
						}
					}
				}
				var want []string
				for s := range m.Rows[j].On(m.Columns[column].Kernel).Steps(lab.Combo(c)) {
					want = append(want, fmt.Sprint(s.Line, s.Process, s.Call, s.Words(s.Want), s.Shown || s.Asked,
						s.Words("blocked"), s.Rule, lab.CallName(s.Call)))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: report (-), data (+):\n%s", m.Rows[j].CellName(lab.Combo(c)), diff)
				}
			}
		}
	}
}

// TestDrawingIsBounded draws the first hosts of many, and says how many are left.
func TestDrawingIsBounded(t *testing.T) {
	r := sample()
	for i := range 1000 {
		r.Matrices[0].Layout.Hosts = append(r.Matrices[0].Layout.Hosts, lab.Host{Name: fmt.Sprintf("h%d", i)})
	}
	page := mustHTML(t, r)
	left := len(r.Matrices[0].Layout.Hosts) - mostDrawn
	for _, want := range []string{fmt.Sprintf("And %d more that the drawing has no room for", left), ">h8</text>",
		"<th scope=\"row\">h999</th>"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(page, ">h9</text>") {
		t.Error("a host more than there is room for")
	}
}

// TestThousands groups digits.
func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", 500000: "500\u202f000",
		1234567: "1\u202f234\u202f567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	r := result.NewReport(result.Environment{}, []result.Matrix{many(500_000)})
	size := len(mustHTML(b, r))
	b.ReportAllocs()
	for b.Loop() {
		var w countingWriter
		if err := HTML(&w, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)/1e6, "MB-page")
}

type countingWriter int

func (n *countingWriter) Write(p []byte) (int, error) {
	*n += countingWriter(len(p))
	return len(p), nil
}
