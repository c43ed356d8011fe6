package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"labrun/lab/compare"
	"labrun/lab/report"
	"labrun/lab/result"
)

// onGitHub reports whether this is a step of a workflow on GitHub.
func onGitHub() bool { return os.Getenv("GITHUB_ACTIONS") == "true" }

// withoutWorkflowCommands lets write write text. GitHub obeys a line of output that looks like a
// command, and text has lines that programs printed: in a workflow, commands are
// stopped meanwhile, until a word comes that cannot be guessed.
func withoutWorkflowCommands(w io.Writer, write func() error) error {
	if !onGitHub() {
		return write()
	}
	word := rand.Text()
	if _, err := fmt.Fprintf(w, "::stop-commands::%s\n", word); err != nil {
		return err
	}
	err := write()
	_, after := fmt.Fprintf(w, "::%s::\n", word)
	return cmp.Or(err, after)
}

// summarise adds the report to the summary of the job, below what differs from the
// baseline: that is why the job has one.
func summarise(r result.Report, d *compare.Difference) error {
	name := os.Getenv("GITHUB_STEP_SUMMARY")
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	difference := func() error {
		if d == nil {
			return nil
		}
		return inTurn(func() error { return report.DiffMarkdown(f, d) }, func() error { return blankLine(f) })
	}
	err = inTurn(difference, func() error { return report.Markdown(f, r) })
	if err = cmp.Or(err, f.Close()); err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	return nil
}

// blankLine keeps what is written next apart.
func blankLine(w io.Writer) error {
	_, err := io.WriteString(w, "\n")
	return err
}

// inRepository returns the report with its files named as the repository has
// them, which is how annotations find them.
func inRepository(r result.Report) result.Report {
	r.Matrices = slices.Clone(r.Matrices)
	for i := range r.Matrices {
		m := &r.Matrices[i]
		m.File = repositoryFile(m.File)
		m.Rows = slices.Clone(m.Rows)
		for j := range m.Rows {
			if row := &m.Rows[j]; row.File != "" {
				row.File = repositoryFile(row.File)
			}
		}
	}
	return r
}

// repositoryFile returns the path of a file from the root of the repository, and the file
// as it is named where it is not in there.
func repositoryFile(file string) string {
	root := os.Getenv("GITHUB_WORKSPACE")
	if root == "" {
		return file
	}
	if inside := relative(root, file); inside != ".." && !strings.HasPrefix(inside, "../") {
		return inside
	}
	return file
}
