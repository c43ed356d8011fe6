package local

import (
	"fmt"

	"labrun/lab"
	"labrun/lab/capture"
	"labrun/lab/fabric"
	"labrun/lab/sys"
)

// recorder writes down what the hosts of a cell send, from before its processes
// start until its last step has its answer. A nil one does nothing. What goes wrong
// is told at the end of the run and changes no answer.
type recorder struct {
	folder  *capture.Folder
	taps    *fabric.Taps
	subject capture.Subject

	tap   *fabric.Tap
	cell  *capture.Cell
	files []string
}

// recorder returns the recorder of a cell.
func (a *asker) recorder(combo lab.Combo) *recorder {
	if a.folder == nil {
		return nil
	}
	l := a.Layout
	if !sys.HasIPv6() {
		l = l.WithoutIPv6()
	}
	return &recorder{folder: a.folder, taps: a.taps, subject: capture.Subject{
		Layout: l, Place: a.Place, Experiment: a.Experiment, Axes: a.Axes, Combo: combo, Host: a.Host, Hosts: a.Hosts, Run: a.Run,
	}}
}

func (r *recorder) start(l *fabric.Lab) {
	if r == nil {
		return
	}
	cell, err := r.folder.Cell(r.subject)
	if err != nil {
		r.folder.Fail(err)
		return
	}
	r.cell = cell
	if r.tap, err = r.taps.On(l, cell.Write); err != nil {
		r.fail(err)
	}
}

// stop ends the files.
func (r *recorder) stop() {
	if r == nil || r.cell == nil {
		return
	}
	var dropped map[string]int
	if r.tap != nil {
		var err error
		if dropped, err = r.tap.Stop(); err != nil {
			r.fail(err)
		}
	}
	var err error
	if r.files, err = r.cell.Close(dropped); err != nil {
		r.folder.Fail(err)
	}
}

func (r *recorder) fail(err error) {
	s := &r.subject
	r.folder.Fail(fmt.Errorf("%s on %s: %w", lab.CellName(s.Experiment, s.Axes, s.Combo), s.Host, err))
}

// written returns the files.
func (r *recorder) written() []string {
	if r == nil {
		return nil
	}
	return r.files
}
