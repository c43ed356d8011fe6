package topology

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/yamlpos"
)

// Source is where a topology comes from: a file by its name alone, or its text. A report keeps the
// texts, so it can be read again on a machine that has not the files, or has other ones by now; then
// File is only what places are called by.
type Source struct {
	File string
	// Text is the file's, which is read when it is nil; so are those that it includes then.
	Text []byte
	// Included are the texts of those, as a report keeps them.
	Included []lab.Included

	read readFunc // in place of all that
}

// Given returns the source of a text that is read, as that of standard input. What it includes is read from the folder
// that a file of that name would be in.
func Given(name string, text io.Reader) (Source, error) {
	b, err := io.ReadAll(io.LimitReader(text, maxFile+1)) // of one that is too large enough for a complaint
	if err != nil {
		err = fmt.Errorf("read topology: %w", err)
	}
	return Source{File: name, Text: append([]byte{}, b...), read: folderOf(name).read}, err
}

// In returns the source of a file in a file system, by the name that complaints and reports have for it: that of the
// file, without its suffix perhaps. What it includes is read from there too.
func In(files fs.FS, file, name string) (Source, error) {
	text, err := fs.ReadFile(files, file)
	return Source{File: name, Text: text, read: func(f string) ([]byte, error) { return fs.ReadFile(files, f) }}, err
}

// open returns the text of the topology's own file, and what reads those that it includes.
func (s Source) open() (text []byte, read readFunc, err error) {
	switch {
	case s.read != nil:
		return s.Text, s.read, nil
	case s.Text != nil:
		return s.Text, kept(s.Included), nil
	}
	text, err = readFile(s.File)
	return text, folderOf(s.File).read, err
}

// Load reads a topology and the files that it includes. When something is wrong with what
// they say, the error is Diagnostics. With warnings alone there is none: Warnings has them.
func Load(s Source) (*lab.Topology, error) {
	top, _, _, err := load(s)
	return top, err
}

// load is Load, and returns what the passes read from the files as well.
func load(s Source) (*lab.Topology, files, experiments, error) {
	var none experiments
	text, read, err := s.open()
	if err != nil {
		return nil, files{}, none, err
	}
	c := complaints{&yamlpos.Complaints{}}
	files, ok := readFiles(c, s.File, text, read)
	if !ok {
		return nil, files, none, c.Err()
	}
	l := readLayout(c, files.own)
	top := &lab.Topology{Layout: l.Layout, Source: string(text), Included: files.included}
	if e, ok := files.own.keys["name"]; ok {
		if name, ok := c.Text(e.Value, "name"); ok && c.checkName(yamlpos.PosOf(e.Value), syntax.TopologyName, name) {
			top.Name = name
		}
	}
	if e, ok := files.own.keys["kernels"]; ok {
		top.Kernels = c.kernels(e)
	}
	top.Lesson = c.lesson(files.own)
	files.each(c, "doc", func(e yamlpos.Entry) {
		if doc := c.doc(e); c.Source == files.own.Source {
			top.Doc = doc
		}
	})
	x := readExperiments(c, files, l)
	top.Claims = x.claims
	check(c, l, x)
	for _, p := range x.probes {
		top.Probes = append(top.Probes, p.Experiment)
	}
	for _, e := range x.experiments {
		top.Experiments = append(top.Experiments, e.Experiment)
	}
	if len(c.List) == 0 {
		warnUnused(c, files, l, top)
	}
	if err := c.Err(); err != nil {
		return nil, files, x, err
	}
	top.Warnings = warned(c.Warnings)
	return top, files, x, nil
}

// Kind is what a file is, by the keys that it has.
type Kind int

// The kinds of files. One that cannot be read is Other.
const (
	Other  Kind = iota
	Whole       // a topology, with mistakes perhaps
	Shared      // a part for topologies to include, and none itself
)

// Scanned is what a file is, and what its topology depends on.
type Scanned struct {
	Kind  Kind
	Files []string // the file and all that it includes, also what cannot be read or has mistakes
}

// Scan looks at a file that has not been asked for, as those of a folder, and complains about nothing.
// One that is not YAML is a topology when it has a line as most of them have one: that it is
// broken is to be said when it runs, and not to be passed over.
func Scan(s Source) Scanned {
	found := Scanned{Files: []string{s.File}}
	if s.Text == nil {
		text, err := readRegular(s.File)
		if err != nil {
			return found
		}
		s.Text, s.read = text, folderOf(s.File).read
	}
	text, read, err := s.open()
	if err != nil {
		return found
	}
	files, ok := readFiles(complaints{&yamlpos.Complaints{}}, s.File, text, read)
	found.Kind = kindOf(files.own, ok)
	found.Files = append(found.Files, files.asked...)
	return found
}

// kindOf takes two of the three sections for a topology, which a file of another program's does not
// have by chance.
func kindOf(p *part, read bool) Kind {
	has := 0
	for _, key := range []string{"networks", "hosts", "experiments"} {
		if _, found := p.keys[key]; found || !read && bytes.Contains(append([]byte("\n"), p.Text...),
			[]byte("\n"+key+":")) {
			has++
		}
	}
	switch {
	case has > 1:
		return Whole
	case read && p.isShared():
		return Shared
	}
	return Other
}
