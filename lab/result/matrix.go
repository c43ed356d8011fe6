package result

import (
	"cmp"
	"slices"

	"labrun/lab"
)

// Matrix is one topology's cells: rows are experiments, columns are hosts, each on a kernel.
type Matrix struct {
	File     string         `json:"file"`
	Name     string         `json:"name"`
	Doc      string         `json:"doc,omitempty"`
	Lesson   lab.Lesson     `json:"lesson,omitzero"`
	Source   string         `json:"source,omitempty"`   // the text of the file
	Included []lab.Included `json:"included,omitempty"` // with it
	Layout   lab.Layout     `json:"topology"`           // of all the file, whatever hosts the run was confined to
	Columns  []Column       `json:"hosts"`
	Rows     []Row          `json:"rows"`
	Cells    []Cell         `json:"-"` // row by row, in the order of Columns, combination by combination
	Claims   []ClaimResult  `json:"claims,omitempty"`
}

// Column is a host on a kernel.
type Column struct {
	Host   string `json:"host"`
	Kernel string `json:"kernel,omitempty"` // "" is the only one of its report, which Environment tells of
}

// OnHosts returns the columns of hosts on a report's only kernel.
func OnHosts(hosts ...string) []Column {
	var columns []Column
	for _, h := range hosts {
		columns = append(columns, Column{Host: h})
	}
	return columns
}

// String names the column, as heads of tables do.
func (c Column) String() string {
	if c.Kernel == "" {
		return c.Host
	}
	return c.Host + ", linux " + c.Kernel
}

// ColumnOf names the column of a cell.
func (m *Matrix) ColumnOf(c *Cell) string { return m.Columns[c.Column].String() }

// HostOf returns the host of a cell, as commands take it.
func (m *Matrix) HostOf(c *Cell) string { return m.Columns[c.Column].Host }

// Heads names the columns.
func (m *Matrix) Heads() []string {
	var names []string
	for _, c := range m.Columns {
		names = append(names, c.String())
	}
	return names
}

// Kernels names the kernels of the columns, each once.
func (m *Matrix) Kernels() []string {
	var names []string
	for _, c := range m.Columns {
		if !slices.Contains(names, c.Kernel) {
			names = append(names, c.Kernel)
		}
	}
	return names
}

// FileOf returns the file that the row of a cell is in.
func (m *Matrix) FileOf(c *Cell) string { return cmp.Or(m.Rows[c.Row].File, m.File) }

// RowOf returns the row of a cell, as its kernel has it.
func (m *Matrix) RowOf(c *Cell) RowOn { return m.Rows[c.Row].On(m.Columns[c.Column].Kernel) }

// NameOf returns the cell's name, as --only takes it.
func (m *Matrix) NameOf(c *Cell) string { return m.Rows[c.Row].CellName(c.Combo) }

// StepsOf returns the steps of a cell that ran, with their answers.
func (m *Matrix) StepsOf(c *Cell) []StepResult {
	var steps []StepResult
	got := c.Answers()
	for s := range m.RowOf(c).Steps(c.Combo) {
		i := len(steps)
		if i == len(got) {
			break
		}
		steps = append(steps, StepResult{c.Timed(s, i), got[i], c.Reds(i)})
	}
	return steps
}
