package local

import (
	"context"
	"errors"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/process"
	"labrun/lab/program"
)

// room is what a cell is asked in: a lab, and the processes in it. The next cell may
// have it when nothing is left in it.
type room struct {
	lab       *fabric.Lab
	group     process.Group
	processes map[lab.Process]*process.Process // by name, hosts resolved
	born      []lab.Process                    // in the order of their birth
	programs  map[lab.Process]*program.Running
	ran       []lab.Process   // programs, in the order of their start
	guarded   map[string]bool // hosts that guard has given a process
	files     *program.Files  // /tmp and /run of the hosts, nil until a step needs them
	shared    bool            // settle has been called
}

func newRoom() *room {
	return &room{processes: map[lab.Process]*process.Process{}, programs: map[lab.Process]*program.Running{}}
}

// builder is fabric.Up, or that of a pool.
type builder func(context.Context, plan.Plan) (*fabric.Lab, error)

func (r *room) add(who lab.Process, p *process.Process) {
	r.processes[who] = p
	r.born = append(r.born, who)
}

// died returns an error when a process of the cell has ended and no step is the
// reason: it was killed, or it was short of something.
func (r *room) died(ctx context.Context) error {
	for _, who := range r.born {
		if err := r.processes[who].Died(ctx); err != nil {
			return err
		}
	}
	for _, who := range r.ran {
		if err := r.programs[who].Died(); err != nil {
			return err
		}
	}
	return nil
}

// close takes everything down; the room may be in any state.
func (r *room) close() error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, who := range r.ran {
		errs = append(errs, r.programs[who].Close())
	}
	errs = append(errs, r.group.Close())
	if r.lab != nil {
		errs = append(errs, r.lab.Leave())
	}
	if r.files != nil {
		errs = append(errs, r.files.Close())
	}
	return errors.Join(errs...)
}
