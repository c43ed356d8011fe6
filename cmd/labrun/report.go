package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// reportCommand makes "labrun report". It trusts the cells of a kept report and nothing
// that follows from them: counts, digest and claims are worked out anew, so that an edited
// file cannot say "passed" above red cells.
func reportCommand() *cobra.Command {
	var outputs outputOptions
	var verbose bool
	cmd := &cobra.Command{
		Use:   "report FILE.json",
		Short: "print a kept report again, in any format",
		Long: `report reads a report that "labrun -o FILE.json" kept ("-" is standard input) and
writes it in other formats. It needs no privilege and runs on every system. With -o
it prints nothing, unless --format names a format that no FILE takes.

    labrun report report.json
    labrun report report.json -o summary.md -o junit.xml
    labrun report report.json --format tap

Counts, digest and claims are those of the cells that the report has. Where it says otherwise,
because it was edited or another version of labrun made it, standard error tells.

` + formatList() + `
Exit status: 0 whatever the report says, 2 when it cannot be read.`,
		Args: args(1, 1, "a FILE.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := outputs.check(); err != nil {
				return err
			}
			if err := outputs.spare(true, args[0]); err != nil {
				return err
			}
			kept, err := loadReport(args[0])
			if err != nil {
				return usageError{err}
			}
			r := kept.Recount()
			disagree(cmd.ErrOrStderr(), args[0], &kept, &r)
			open, err := outputs.open()
			if err != nil {
				return err
			}
			defer closeOutputs(open)
			// What was edited is said above, on standard error: standard output may be a program's.
			if err := writeOutputs(r, open); err != nil || outputs.quiet {
				return err
			}
			return writeReport(cmd.OutOrStdout(), r, outputs.stdout, detail{verbose: verbose})
		},
	}
	outputs.flags(cmd.Flags())
	cmd.Flags().Lookup("output").Usage = strings.Replace(cmd.Flags().Lookup("output").Usage, "also write", "write", 1)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show every step of every cell, in text on standard output")
	return cmd
}

// disagree says where a kept report was edited: its counts, digest or claims are not those of its
// cells, which are printed. Another version of labrun may have had another digest.
func disagree(stderr io.Writer, file string, kept, r *result.Report) {
	if kept.Counts != r.Counts {
		complain(stderr, fmt.Errorf("%s: its counts are not those of its cells: it says %s, and has %s", file, kept.Counts,
			r.Counts))
	}
	if kept.Digest != r.Digest {
		complain(stderr, fmt.Errorf("%s: its digest %q is not that of its cells, %s: it was edited, or made by a labrun "+
			"with another digest", file, kept.Digest, r.Digest))
	}
	for i := range kept.Matrices {
		for j := range kept.Matrices[i].Claims {
			said, is := &kept.Matrices[i].Claims[j], &r.Matrices[i].Claims[j]
			if said.Verdict != is.Verdict || said.Says() != is.Says() {
				complain(stderr, fmt.Errorf("%s: claim %q is not that of its cells: it says %q, and they %q", file,
					said.Name, said.Says(), is.Says()))
			}
		}
	}
}

// formatList says what the formats are for.
func formatList() string {
	var b strings.Builder
	for _, f := range report.Formats {
		fmt.Fprintf(&b, "    %-9s %-6s %s\n", f.Name, list(f.Suffixes), f.Doc)
	}
	return b.String()
}

// loadReport reads a report that was kept. It may come from a stranger: reading it runs
// nothing and allocates no more than its text is worth, see report.ReadJSON.
func loadReport(file string) (r result.Report, err error) {
	err = withReport(file, func(in io.Reader) error {
		r, err = report.ReadJSON(file, in)
		return err
	})
	return r, err
}

// withReport opens a report that was kept for a function that reads it; "-" is standard input.
func withReport(file string, read func(io.Reader) error) error {
	var in io.Reader = os.Stdin
	if file != "-" {
		f, err := topology.Open(file)
		if err != nil {
			return fmt.Errorf("read report: %w", err)
		}
		defer f.Close()
		in = f
	}
	err := read(in)
	if text := mistakenTopology(file); text != "" && err != nil {
		return errors.New(text)
	}
	return err
}
