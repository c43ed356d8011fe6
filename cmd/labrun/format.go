package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"labrun/lab/report"
	"labrun/lab/result"
)

// outputOptions are the flags that say which reports are written, and where. Files are
// opened before anything runs: a run of an hour whose report cannot be written is lost.
type outputOptions struct {
	files  []string
	format string

	formats []report.Format // of each of the files, set by check
	stdout  report.Format   // of standard output, set by check
	quiet   bool            // every report goes to a file
	terse   bool            // text on standard output has what did not pass alone
}

// flags names the formats from report.Formats: one that is added there is in --help, in the manual
// and in completion at once.
func (o *outputOptions) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&o.files, "output", "o", nil,
		"also write the report to `FILE`, in the format that its suffix tells: "+suffixes()+"; .gz or .zst behind it "+
			"compresses; as often as you like; - is standard output")
	f.StringVar(&o.format, "format", "",
		"the format `NAME` of every -o FILE whose suffix tells none, or of standard output when there is no such "+
			"FILE: "+list(formatNames()))
}

// theSuffixes says which suffixes tell a format, and what may stand behind them.
func theSuffixes(formats []report.Format) string {
	return fmt.Sprintf("the suffixes are %s, and %s behind one compresses", suffixesOf(formats),
		strings.Join(report.CompressionSuffixes(), " or "))
}

// suffixes lists what the name of a FILE may end in to tell its format.
func suffixes() string { return suffixesOf(report.Formats) }

func suffixesOf(formats []report.Format) string {
	var all []string
	for _, f := range formats {
		all = append(all, f.Suffixes...)
	}
	return list(all)
}

func formatNames() []string { return namesOf(report.Formats) }

func namesOf(formats []report.Format) []string {
	var all []string
	for _, f := range formats {
		all = append(all, f.Name)
	}
	return all
}

// check finds the format of every output.
func (o *outputOptions) check() error { return o.checkOf(report.Formats) }

// checkOf is check for a command that writes only these formats, and offers no other.
func (o *outputOptions) checkOf(formats []report.Format) error {
	o.stdout, _ = report.FormatNamed("text")
	named, ok := report.FormatNamed(o.format)
	if o.format != "" && !ok {
		return usagef("--format %s: no such format%s there are %s", o.format, meant(o.format, namesOf(formats)),
			list(namesOf(formats)))
	}
	taken := o.format == ""
	files, here := o.files[:0:0], false
	for _, file := range o.files {
		if file == "-" { // standard output, in the format that --format names
			here = true
			continue
		}
		files = append(files, file)
		f, told := report.FormatOf(file)
		switch {
		case told:
		case o.format != "":
			f, taken = named, true
		default:
			return usagef("-o %s: the format is told by the suffix or by --format; %s", file, theSuffixes(formats))
		}
		o.formats = append(o.formats, f)
	}
	o.files = files
	if !taken || here && o.format != "" {
		o.stdout = named
	}
	o.quiet = taken && len(o.files) > 0 && !here
	return nil
}

// spare returns an error when a report would take the place of a file that the command reads, by whatever path.
// With renews a report in JSON may: it is that of the file.
func (o *outputOptions) spare(renews bool, reads ...string) error {
	var errs []error
	for i, name := range o.files {
		if err := spare(name, reads...); err != nil && !(renews && o.formats[i].Name == "json") {
			errs = append(errs, err)
		}
	}
	if errs == nil {
		return nil
	}
	return usageError{errors.Join(errs...)}
}

// spare returns an error when -o NAME is one of the files that a command reads: what was in it would be lost. A pipe
// or a device loses nothing.
func spare(name string, reads ...string) error {
	out, err := os.Stat(name)
	if err != nil || !out.Mode().IsRegular() {
		return nil
	}
	for _, file := range reads {
		if in, err := os.Stat(file); err == nil && os.SameFile(in, out) {
			as := ""
			if file != name {
				as = ", as " + file
			}
			return fmt.Errorf("-o %s: that file is read%s, and would be lost; name another one", name, as)
		}
	}
	return nil
}

// writeOutputs writes the report to the files that were asked for.
func writeOutputs(r result.Report, outputs []*output) error {
	var errs []error
	for _, out := range outputs {
		if err := out.write(r); err != nil {
			errs = append(errs, fmt.Errorf("-o %s: %w", out.name, err))
		}
	}
	return errors.Join(errs...)
}

// detail is how much a text on standard output says.
type detail struct{ verbose, quiet bool }

// writeReport writes the report to standard output.
func writeReport(w io.Writer, r result.Report, f report.Format, how detail) error {
	write := func() error { return f.Write(w, r) }
	if f.Name == "text" { // it has lines that programs printed
		t := textFor(w)
		t.Verbose, t.Quiet = how.verbose, how.quiet
		write = func() error { return withoutWorkflowCommands(w, func() error { return t.Write(w, r) }) }
	}
	if err := write(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// open opens all files, or none.
func (o *outputOptions) open() ([]*output, error) {
	var outputs []*output
	for i, name := range o.files {
		out, err := openOutput(name)
		if err != nil {
			closeOutputs(outputs)
			return nil, usagef("-o %s: %w", name, err)
		}
		out.format = o.formats[i]
		outputs = append(outputs, out)
	}
	return outputs, nil
}
