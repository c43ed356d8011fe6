package capture

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"labrun/lab"
)

// Folder is where captures go. Nothing is written outside it, whatever the cells
// are called and whatever links another program has put there.
type Folder struct {
	Section Section              // of every file, but for the comment
	Own     func(*os.File) error // gives what was made to its owner; may be nil

	name string // as the user gave it
	root *os.Root

	mu   sync.Mutex
	err  error // the first one
	loss Loss
}

// Section says what made a file, and of what.
type Section struct{ Hardware, OS, Application, Comment string }

// Loss is how many packets came too fast to be written.
type Loss struct {
	Packets, Cells int
	First          string // the folder of one of the cells
}

// OpenFolder makes a folder if it is not there yet.
func OpenFolder(name string, own func(*os.File) error) (*Folder, error) {
	f := &Folder{Own: own, name: filepath.Clean(name)}
	if err := f.makeAll(f.name); err != nil {
		return nil, err
	}
	var err error
	f.root, err = os.OpenRoot(f.name)
	return f, err
}

// Close lets go of the folder. It returns the first error of any cell.
func (f *Folder) Close() error {
	err := f.root.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	return cmp.Or(f.err, err)
}

// Loss returns what is missing in the files.
func (f *Folder) Loss() Loss {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loss
}

// Fail keeps an error for Close: a cell whose packets cannot be written is asked
// all the same.
func (f *Folder) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = cmp.Or(f.err, err)
}

// lose counts packets that the kernel dropped before they were read, packet(7).
func (f *Folder) lose(cell string, packets int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loss.Cells == 0 {
		f.loss.First = cell
	}
	f.loss.Cells++
	f.loss.Packets += packets
}

// makeAll makes a folder and those above it.
func (f *Folder) makeAll(dir string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	} else if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.makeAll(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	made, err := os.Open(dir)
	return f.own(made, err)
}

// own gives a folder to its owner.
func (f *Folder) own(made *os.File, err error) error {
	if err != nil {
		return err
	}
	defer made.Close()
	if f.Own == nil {
		return nil
	}
	return f.Own(made)
}

// make makes a folder in the root, and those above it.
func (f *Folder) make(dir string) error {
	if dir == "." {
		return nil
	}
	if err := f.make(path.Dir(dir)); err != nil {
		return err
	}
	if err := f.root.Mkdir(dir, 0o777); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	made, err := f.root.Open(dir)
	return f.own(made, err)
}

// create makes a file, in the place of any other of that name: not in what a link
// there leads to.
func (f *Folder) create(name string) (*os.File, error) {
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return f.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
}

// Subject is a cell that is to be captured.
type Subject struct {
	Layout     *lab.Layout
	Place      string // the topology's, see Places
	Experiment string
	Axes       []lab.Axis // of the experiment
	Combo      lab.Combo
	Host       string
	Hosts      []string // that its lab has
	Run        int      // which repetition it is, from 1; 0 when there is one
}

// dir returns the folder of the cell, with slashes.
func (s *Subject) dir() string {
	dir := path.Join(s.Place, Name(s.Experiment, s.Axes, s.Combo, s.Host))
	if s.Run > 0 {
		dir = path.Join(dir, fmt.Sprintf("run-%d", s.Run))
	}
	return dir
}

// comment says what the cell is.
func (s *Subject) comment() string {
	text := fmt.Sprintf("topology %s, experiment %s, host %s", s.Layout.Name,
		lab.CellName(s.Experiment, s.Axes, s.Combo), s.Host)
	if s.Run > 0 {
		text += fmt.Sprintf(", run %d", s.Run)
	}
	return text
}
