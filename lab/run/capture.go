package run

import (
	"fmt"

	"labrun/lab"
	"labrun/lab/capture"
	"labrun/lab/fabric"
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

// recorder returns the recorder of a cell of the job.
func (j *job) recorder(combo lab.Combo) *recorder {
	if j.course.Capture == nil {
		return nil
	}
	t := j.topology
	if !fabric.HasIPv6() {
		t = t.WithoutIPv6()
	}
	s := capture.Subject{
		Topology: t, Place: j.place, Experiment: j.experiment, Combo: combo, Host: j.subject,
		Hosts: j.experiment.HostsUsed(j.topology, j.subject),
	}
	if j.course.Runs > 1 {
		s.Run = j.nth + 1
	}
	return &recorder{folder: j.course.Capture, taps: j.course.taps, subject: s}
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
	r.folder.Fail(fmt.Errorf("%s on %s: %w", s.Experiment.CellName(s.Combo), s.Host, err))
}

// note returns a cell's note, with the files.
func (r *recorder) note(n *lab.Note) *lab.Note {
	if r == nil || len(r.files) == 0 {
		return n
	}
	with := lab.Note{}
	if n != nil {
		with = *n
	}
	with.Captures = r.files
	return &with
}
