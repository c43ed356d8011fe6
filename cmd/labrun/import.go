package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/draft"
	"labrun/lab/imports/clab"
	"labrun/lab/imports/packetdrill"
	"labrun/lab/imports/strace"
	"labrun/lab/topology"
	"labrun/lab/trace"
	"labrun/lab/wording"
)

// maxImport is how long a file may be that is imported: what it becomes is at most a file of maxFile bytes.
const maxImport = 64 << 20

// importFormats are the formats that are read.
var importFormats = []importFormat{
	{
		name: "strace", what: "what strace -f prints", extensions: []string{".strace", ".log", ".txt"}, sniff: strace.Sniff,
		read: fromCalls("From a log of strace.", strace.Parse),
	},
	{
		name: "packetdrill", what: "a script of packetdrill", extensions: []string{".pkt"}, sniff: packetdrill.Sniff,
		read: fromCalls("From a script of packetdrill.", packetdrill.Parse),
	},
	{
		name: "containerlab", what: "a topology of containerlab", extensions: []string{".clab.yml", ".clab.yaml"},
		sniff: clab.Sniff,
		read:  func(name, text string, _ bool) (*draft.File, []trace.Left, string) { return clab.Read(name, text) },
	},
}

// fromCalls returns what makes a topology of calls, which parse finds in a text.
func fromCalls(from string, parse func(string) ([]trace.Event, []trace.Left)) importer {
	return func(name, text string, expectOK bool) (*draft.File, []trace.Left, string) {
		events, left := parse(text)
		m := trace.Import(events, trace.Options{})
		if expectOK {
			m.ExpectSuccess()
		}
		said := fmt.Sprintf("%s of %s", count(m.Carried, "call"), wording.Count(len(m.Programs), "process"))
		if m.MadeUp > 0 {
			said += fmt.Sprintf(", %s of other ends made up", count(m.MadeUp, "call"))
		}
		return m.File(name, from), append(left, m.Left...), said
	}
}

// importer returns the file that a text becomes, what of it was left out, and what was carried over, in words.
type importer func(name, text string, expectOK bool) (*draft.File, []trace.Left, string)

type importFormat struct {
	name, what string
	extensions []string
	sniff      func(text string) bool
	read       importer
}

func importFormatNames() []string {
	var names []string
	for _, f := range importFormats {
		names = append(names, f.name)
	}
	return names
}

const expectOKUsage = "expect of bind, listen and connect that they succeed, where they failed"

// importCommand makes "labrun import". It needs neither Linux nor privilege: a log may come from another machine
// than the one that will ask.
func importCommand() *cobra.Command {
	var out, format string
	var expectOK bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "make a topology file of a log of strace, or of a script of another tool",
		Long: `import makes a topology file of a file of another tool, "-" for standard input:

    strace       what strace -f prints, with any options for times and names
    packetdrill  a script of packetdrill: its calls, without times and packets
    containerlab a topology of containerlab: nodes, links and addresses

Calls become steps with the answers that the log has, so that "labrun FILE" says where
this kernel answers otherwise. Processes are named after their programs, sockets a, b
and so on; addresses get those for documentation, and what other ends of connections
must have done is made up. What cannot be carried over is a comment in the file, and
told with its line and the reason. A file that exists is never written.

    strace -f -o server.log ./server
    labrun import server.log -o server.yaml
    labrun server.yaml`,
		Args: args(1, 1, "a FILE, or - for standard input"),
		RunE: func(cmd *cobra.Command, files []string) error {
			if format != "" && !slices.Contains(importFormatNames(), format) {
				return usagef("--format %s: no such format%s there are %s", format, meant(format, importFormatNames()),
					list(importFormatNames()))
			}
			if err := isFreeOutput(out); err != nil {
				return err
			}
			file := files[0]
			text, err := readImport(cmd, file)
			if err != nil {
				return err
			}
			f, err := importFormatOf(file, text, format)
			if err != nil {
				return err
			}
			name := topologyName(file)
			d, left, said := f.read(name, text, expectOK)
			if len(d.Experiments) > 0 && !slices.ContainsFunc(d.Experiments[0].Lines, isStep) {
				tellLeft(cmd.ErrOrStderr(), file, left)
				return usagef("%s: nothing in it can be carried over; it was read as %s, and --format says what else it is (%s)",
					file, f.what, list(importFormatNames()))
			}
			if !slices.ContainsFunc(d.Layout.Hosts, hasNIC) {
				tellLeft(cmd.ErrOrStderr(), file, left)
				return usagef("%s: no link can be carried over, for the reasons above; "+
					"a topology needs a network with a host on it", file)
			}
			return writeDraft(cmd, d, file, out, left, said)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the topology to `FILE` instead of standard output")
	cmd.Flags().BoolVar(&expectOK, "expect-ok", false, expectOKUsage)
	cmd.Flags().StringVar(&format, "format", "", "the file's `FORMAT`, where its name and text do not say it: "+
		list(importFormatNames()))
	return cmd
}

func hasNIC(h lab.Host) bool { return len(h.NICs) > 0 }

func isStep(l draft.Line) bool { return l.Step.Call.Name != "" }

// readImport returns the text of a file, or of standard input.
func readImport(cmd *cobra.Command, file string) (string, error) {
	var in io.Reader = cmd.InOrStdin()
	if file == "-" {
		file = stdinName
	} else {
		f, err := os.Open(file)
		if err != nil {
			return "", usageError{err}
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return "", usagef("%s is a folder; import takes a file", file)
		}
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	switch {
	case err != nil:
		return "", err
	case len(b) > maxImport:
		return "", usagef("%s has more than %d MiB; strace -e trace=%%network,%%process,desc prints the calls that matter",
			file, maxImport>>20)
	case strings.TrimSpace(string(b)) == "":
		return "", usagef("%s is empty", file)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), nil
}

// importFormatOf returns the format of a file: the one that was said, else the one that its text looks like. The name
// decides where the text does not.
func importFormatOf(file, text, said string) (*importFormat, error) {
	for i := range importFormats {
		if f := &importFormats[i]; f.name == said || said == "" && f.sniff(text) {
			return f, nil
		}
	}
	for i := range importFormats {
		for _, e := range importFormats[i].extensions {
			if strings.HasSuffix(file, e) {
				return &importFormats[i], nil
			}
		}
	}
	var formats []string
	for _, f := range importFormats {
		formats = append(formats, f.name+" ("+f.what+")")
	}
	return nil, usagef("%s does not look like a file that can be imported; --format says which it is: %s", file,
		list(formats))
}

// topologyName returns the name of a topology that is made of a file: that of the file, as far as it can be one.
func topologyName(file string) string {
	base := filepath.Base(file)
	if file == "-" {
		base = "imported"
	}
	base, _, _ = strings.Cut(base, ".")
	base = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, base)
	if base = strings.Trim(base[:min(len(base), 60)], "-_"); base == "" {
		return "imported"
	}
	return base
}

// writeDraft writes a topology that was made, says what is not in it, and what to do with it. One that labrun refuses
// is written too, since its mistakes are mended by hand sooner than a recording is made again; it is an error.
func writeDraft(cmd *cobra.Command, d *draft.File, from, out string, left []trace.Left, said string) error {
	named := out
	if out == "" || out == "-" {
		named = "<stdout>"
	}
	text, more, refused := settled(named, d.Text())
	left = append(left, more...)
	stderr := cmd.ErrOrStderr()
	tellLeft(stderr, from, left)
	if len(left) > 0 {
		said += ", " + count(len(left), "line") + " left out"
	}
	if out == "" || out == "-" {
		if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
			return err
		}
		fmt.Fprintf(stderr, "labrun: %s\n", said)
		return refusal(stderr, named, refused)
	}
	o, err := openOutput(out)
	if err != nil {
		return usagef("-o %s: %w", out, err)
	}
	defer o.file.Close()
	if err := o.writeBy(func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		return err
	}
	if refused == nil {
		said += "; type: " + lab.Command("labrun", out)
	}
	fmt.Fprintf(stderr, "labrun: %s: %s\n", out, said)
	return refusal(stderr, named, refused)
}

// refusal shows the mistakes that a topology still has which was made, and returns an error where there are any.
func refusal(stderr io.Writer, file string, mistakes topology.Diagnostics) error {
	if len(mistakes) == 0 {
		return nil
	}
	show(stderr, mistakes)
	return usagef("%s: what was carried over is not a topology yet; mend the lines above", file)
}

// tellLeft says line by line what was left out.
func tellLeft(stderr io.Writer, file string, left []trace.Left) {
	slices.SortStableFunc(left, func(a, b trace.Left) int { return a.Line - b.Line })
	if file == "-" {
		file = stdinName
	}
	for _, l := range left {
		at := ""
		if l.Line > 0 {
			at = fmt.Sprintf("%s:%d:%d: ", file, l.Line, max(1, l.Col))
		}
		text := []rune(l.Text)
		if len(text) > 80 {
			text = append(text[:77], []rune("...")...)
		}
		fmt.Fprintf(stderr, "%sleft out: %s: %s\n", at, lab.Visible(string(text)), lab.Visible(l.Why))
	}
}

// settled returns a topology's text without steps that labrun would refuse: what was made of a log that lacks lines
// may name a socket that no step makes. They stay as comments, with the reason. Mistakes elsewhere it returns.
func settled(file, text string) (string, []trace.Left, topology.Diagnostics) {
	var left []trace.Left
	for turn := 0; ; turn++ {
		_, err := topology.Load(topology.Source{File: file, Text: []byte(text)})
		var found topology.Diagnostics
		if !errors.As(err, &found) || turn == maxRefused {
			return text, left, found
		}
		lines := strings.SplitAfter(text, "\n")
		mended := false
		for _, d := range found {
			if d.Pos.Line < 1 || d.Pos.Line > len(lines) {
				continue
			}
			line := lines[d.Pos.Line-1]
			step := strings.TrimSpace(line)
			if !strings.HasPrefix(line, stepIndent) || strings.HasPrefix(step, "#") {
				continue
			}
			lines[d.Pos.Line-1] = fmt.Sprintf("%s# %s\n%s#   left out: %s\n", stepIndent, step, stepIndent, oneLine(d.Msg))
			left = append(left, trace.Left{Text: step, Why: oneLine(d.Msg)})
			mended = true
		}
		if !mended {
			return text, left, found
		}
		text = strings.Join(lines, "")
	}
}

const (
	maxRefused = 100      // times that a text is read again
	stepIndent = "      " // of a step in the text of a draft
)

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
