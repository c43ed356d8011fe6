package report

import (
	"io"
	"slices"
	"strings"

	"labrun/lab/compare"
	"labrun/lab/result"
)

// Format is a way to write a report. All of them are views of what the JSON holds, so a
// report that was kept as JSON can be had in any of them later, on any system, byte for
// byte as the run would have written it.
type Format struct {
	Name     string
	Suffixes []string // of a file's name, that tell the format; each with its dot
	Doc      string   // for whom it is, in half a sentence
	Write    func(w io.Writer, r result.Report) error
	// Diff writes the difference between two reports. It is nil for JUnit, TAP, the page and
	// annotations: they show cells that passed or failed, and a change is neither.
	Diff func(w io.Writer, d *compare.Difference) error
}

// Formats are all formats, in the order in which messages list them.
var Formats = []Format{
	{"text", []string{".txt"}, "for people, as on a terminal", Text{}.Write, Text{}.Diff},
	{"json", []string{".json"}, "everything; the others can be made of it later", JSON, DiffJSON},
	{"markdown", []string{".md"}, "for a pull request: failures are folded", Markdown, DiffMarkdown},
	{"junit", []string{".xml"}, "JUnit XML, for Jenkins, GitLab and others", JUnit, nil},
	{"tap", []string{".tap"}, "TAP, which prove and readers of KTAP take", TAP, nil},
	{"html", []string{".html", ".htm"}, "a page to read, to filter and to print", HTML, nil},
	{"github", nil, "annotations of the topology files, for a GitHub workflow", GitHub, nil},
}

// FormatNamed returns the format of that name.
func FormatNamed(name string) (Format, bool) {
	return find(func(f Format) bool { return f.Name == name })
}

// FormatOf returns the format that the suffix of a file's name tells. Case does not matter:
// REPORT.JSON comes from systems on which it does not. That of a compression may stand behind it, see Compress.
func FormatOf(file string) (Format, bool) {
	file, _ = uncompressed(file)
	return find(func(f Format) bool {
		return slices.ContainsFunc(f.Suffixes,
			func(s string) bool { return strings.HasSuffix(strings.ToLower(file), s) })
	})
}

func find(is func(Format) bool) (Format, bool) {
	if i := slices.IndexFunc(Formats, is); i >= 0 {
		return Formats[i], true
	}
	return Format{}, false
}
