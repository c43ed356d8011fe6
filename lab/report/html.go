package report

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"

	"labrun/lab/graph"
	"labrun/lab/result"
)

// pageFiles are the style and the scripts of a page, and the markup around it. The scripts
// make text of what they get and never markup: a file is a stranger's.
//
//go:embed page
var pageFiles embed.FS

var (
	pageStyle = sync.OnceValue(func() string {
		return graph.Style() + joinFiles("base.css", "parts.css", "print.css")
	})
	pageScript = sync.OnceValue(func() string {
		return joinFiles("data.js", "filter.js", "dom.js", "address.js", "cell.js", "matrix.js", "grid.js", "list.js",
			"attention.js", "main.js")
	})
)

// joinFiles joins files of the page in an order in which none needs a later one.
func joinFiles(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		text, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			panic(err) // a file of the program itself
		}
		b.Write(text)
	}
	return b.String()
}

// HTML writes the report as a page: one file that refers to nothing outside, to read
// on a screen or on paper. It is text that needs no script, the data, and scripts
// that show matrix, grids and cells of it. The policy lets a browser run these
// scripts and none else.
func HTML(w io.Writer, r result.Report) error {
	r = visible(r)
	p := &pageText{Writer: bufio.NewWriterSize(w, 1<<16)}
	var names []string
	for i := range r.Matrices {
		names = append(names, r.Matrices[i].Name)
	}
	p.head(r, listFirst(names, len(names))+": "+r.Counts.String())
	p.say("<body>\n")
	p.top(r)
	p.say("<main id=\"main\" tabindex=\"-1\">\n")
	p.contents(&r)
	p.kernels(&r)
	for i := range r.Matrices {
		p.id = fmt.Sprint("t", i)
		p.topology(&r, i)
	}
	p.foot(r)
	p.say("<script type=\"application/json\" id=\"data\">")
	if err := dataBlock(p.Writer, r); err != nil {
		return err
	}
	p.say("</script>\n<script>%s</script>\n</body>\n</html>\n", markup(pageScript()))
	return p.Flush()
}

// hashOf is a source expression that allows this text, CSP level 2. It names the text and
// not its place, so a script that came from elsewhere does not run even if it got in.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// countList writes the counts, each in its colour; zeros, too, where they are told.
func countList(c result.Counts, zeros bool) markup {
	var b strings.Builder
	b.WriteString(`<span class="counts">`)
	for i, v := range result.Verdicts {
		word, class, n := []string{"passed", "failed", "skipped", "errors"}[i], v.String(), c.Of(v)
		switch {
		case n == 0 && (!zeros || v == result.Error):
			continue
		case n == 0:
			class += " none"
		case n == 1 && v == result.Error:
			word = "error"
		}
		fmt.Fprintf(&b, `<span class="count %s"><b>%s</b> %s</span>`, class, thousands(n), word)
	}
	return markup(b.String() + "</span>")
}

// leastShare is how much of a bar one cell of a million has, in per cent.
const leastShare = 0.4

// shareBar draws how many of the cells came to each verdict. One red cell among a million
// is seen: each verdict has at least leastShare, and the others give it up.
func shareBar(c result.Counts) markup {
	wide := make([]float64, len(result.Verdicts))
	sum := 0.0
	for i, v := range result.Verdicts {
		if n := c.Of(v); n > 0 {
			wide[i] = max(100*float64(n)/float64(c.Sum()), leastShare)
			sum += wide[i]
		}
	}
	var b strings.Builder
	b.WriteString(`<svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">`)
	start := 0.0
	for v := range wide {
		if wide[v] > 0 {
			part := 100 * wide[v] / sum
			fmt.Fprintf(&b, `<rect class="%s" x="%.2f" y="0" width="%.2f" height="1"/>`, result.Verdict(v), start, part)
			start += part
		}
	}
	return markup(b.String() + "</svg>")
}

// thousands writes a number in groups of three digits, with narrow spaces between.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
