package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// readFunc returns the text of an included file, and sees to it that the file is one of the
// topology's folder. It is asked by the name that
// messages and reports have for the file: the path of the topology's folder, and
// the file's from there.
type readFunc func(file string) ([]byte, error)

// kept returns the readFunc of texts that a report holds, so that "labrun rerun" of a report needs
// no files, and cannot read others than those that its answers are about.
func kept(included []lab.Included) readFunc {
	return func(file string) ([]byte, error) {
		for _, i := range included {
			if i.File == file {
				return []byte(i.Text), nil
			}
		}
		if len(included) == 0 {
			return nil, errors.New("only the text of the topology is at hand, and no other file")
		}
		return nil, errors.New("the report does not hold its text")
	}
}

// part is one of the files that make a topology. Its own file is the last of
// them: what it includes comes first, as if it stood above. Included files have experiments, probes
// and claims and no hosts, so that one file of experiments runs in any topology that has the names.
type part struct {
	*yamlpos.Source
	name string // the path from the topology's folder, with slashes
	keys map[string]yamlpos.Entry
	from *part   // the file that includes it; nil for the topology's own
	at   lab.Pos // there
	open bool    // what it includes is being read
}

// isShared reports whether a file is a part for topologies to include, and none itself.
func (p *part) isShared() bool {
	has := func(key string) bool { _, ok := p.keys[key]; return ok }
	return !slices.ContainsFunc(topologyKeys, has) && slices.ContainsFunc(sharedKeys[1:], has)
}

// files are those of a topology, what the first pass hands on. The next passes go over the sections of
// all of them as if they were one file, and ask each only for its places.
type files struct {
	own      *part
	parts    []*part // each after those that it includes, the own one last
	included []lab.Included
	asked    []string // the files that were asked for
	lost     bool     // one could not be read, so any claim and probe may be in it
}

// fileReader is the first pass: texts to the sections of all files. It counts bytes, marks and values
// over all of them, before it parses one: a hundred files at the limit are as bad as one beyond.
type fileReader struct {
	complaints
	files
	read   readFunc
	folder folder
	named  map[string]*part // by name; those too that cannot be read
	bytes  int              // of all
	marks  int
	values int
}

// readFiles reads a topology's own file and all that it includes; false when the own one
// cannot be read at all.
func readFiles(c complaints, file string, text []byte, read readFunc) (files, bool) {
	own := &part{Source: yamlpos.NewSource(file, text, language), name: filepath.Base(file)}
	d := &fileReader{complaints: c, files: files{own: own}, read: read, folder: folderOf(file),
		named: map[string]*part{own.name: own}}
	ok := d.open(own)
	return d.files, ok
}

// each calls for a section of each file that has it.
func (f files) each(c complaints, key string, decode func(yamlpos.Entry)) {
	for _, p := range f.parts {
		if e, ok := p.keys[key]; ok {
			c.Source = p.Source
			decode(e)
		}
	}
	c.Source = f.own.Source
}

// open reads a part and, before it counts as read, what it includes.
func (d *fileReader) open(p *part) bool {
	root, ok := d.sections(p)
	if !ok {
		return false
	}
	if p.from == nil {
		d.checkOwn(p, root)
	}
	p.open = true
	if e, ok := p.keys["include"]; ok {
		d.include(p, e)
	}
	p.open = false
	d.parts = append(d.parts, p)
	return true
}

// sections reads what keys a part has. What each of them says is for the next passes.
func (d *fileReader) sections(p *part) (root *yaml.Node, ok bool) {
	d.Source = p.Source
	if root, ok = d.tree(); ok {
		of, allowed := yamlpos.Scope{Inner: "the file"}, slices.Concat(topologyKeys, ownKeys, sharedKeys)
		if p.from != nil {
			of.Inner, allowed = "an included file", sharedKeys
		}
		p.keys, ok = d.Fields(root, of, allowed...)
	}
	return root, ok
}

// tree returns the root of the file's YAML; false after a complaint. The cheap looks come first:
// bytes are counted before characters, those before marks, and only then does the parser run.
func (d *fileReader) tree() (*yaml.Node, bool) {
	s := d.Source
	if d.bytes += len(s.Text); d.bytes > maxFile {
		d.Complain(lab.Pos{}, "the file is larger than %d bytes (%d MiB), the limit", maxFile, maxFile>>20)
		return nil, false
	}
	before := d.Made
	s.CheckText(d.Complaints)
	if d.Made == before {
		d.marks = s.CheckSize(d.Complaints, d.marks)
	}
	if d.Made > before {
		return nil, false
	}
	needs := "name, networks and hosts"
	if s.Via != "" {
		needs = "experiments, probes or claims"
	}
	root := s.ParseYAML(d.Complaints, needs)
	if root == nil {
		return nil, false
	}
	values, ok := s.CheckTree(d.Complaints, root, d.values)
	d.values = values
	return yamlpos.Deref(root), ok
}

// checkOwn complains about keys that a topology needs. A file with none of them is no topology with
// three mistakes, but one to include.
func (d *fileReader) checkOwn(p *part, root *yaml.Node) {
	if p.isShared() {
		d.Wrong(root,
			"the file has no name, networks and hosts: it is a part for topologies to share; one in its folder takes it "+
				"with include: %s, one above with its path from there",
			filepath.Base(p.File))
		return
	}
	for _, key := range topologyKeys {
		if _, ok := p.keys[key]; !ok {
			d.Wrong(root, "key %q is missing in the file", key)
		}
	}
}

// include reads the files that a part names. After any mistake the topology lacks something that may
// be in the rest, and names which nothing declares are not complained about (files.lost).
func (d *fileReader) include(p *part, e yamlpos.Entry) {
	items := yamlpos.List(e.Value)
	if len(items) == 0 {
		d.Wrong(e.Value, "include is empty; leave the key out")
	}
	lines := map[string]int{}
	for _, item := range items {
		if d.Full() {
			return
		}
		before := d.Made
		name, ok := d.Text(item, "include")
		if ok {
			name, ok = d.includePath(p, yamlpos.PosOf(item), name)
		}
		if line := lines[name]; ok && line > 0 {
			d.Wrong(item, "include: %s is named twice, first on line %d", wording.Quote(name), line)
			continue
		}
		if ok {
			lines[name] = item.Line
			d.includeFile(p, yamlpos.PosOf(item), name)
		}
		d.lost = d.lost || d.Made > before
	}
}

var includeName = syntax.NameRule{Noun: "a file's name", Syntax: once.Regexp(`^[^\pC\\]+$`),
	Words: "no backslash, no control characters", Longest: 1000, Reserved: nil}

// includePath returns the path from the topology's folder of a file that a part
// names. It cannot lead out of the part's folder; that links do not, the readFunc sees.
func (d *fileReader) includePath(p *part, pos lab.Pos, name string) (string, bool) {
	switch problem := includeName.Check(name); {
	case problem != "":
		d.Complain(pos, "include: %s", problem)
	case path.IsAbs(name), slices.Contains(strings.Split(name, "/"), ".."):
		d.Complain(pos, `include: %s is not in the folder of this file or below; a path has no ".." and no "/" in front`,
			wording.Quote(name))
	case path.Clean(name) == ".":
		d.Complain(pos, "include: %s is a folder", wording.Quote(name))
	default:
		return path.Join(path.Dir(p.name), name), true
	}
	return "", false
}

// includeFile reads a file that a part includes, unless it was read already: the
// same file by two ways is there once. What cannot be read is kept by its name too, so that it is
// complained about once.
func (d *fileReader) includeFile(p *part, pos lab.Pos, name string) {
	if q := d.named[name]; q != nil {
		if q.open {
			d.Complain(pos, "include: %s", circle(p, q))
		}
		return
	}
	q := &part{name: name, from: p, at: pos}
	d.named[name] = q
	if others := len(d.named) - 1; others > maxIncluded {
		if others == maxIncluded+1 {
			d.Complain(pos, "include: more than %d files, the limit", maxIncluded)
		}
		return
	}
	file := filepath.Join(string(d.folder), filepath.FromSlash(name))
	d.asked = append(d.asked, file)
	text, err := d.read(file)
	switch {
	case err != nil:
		d.Complain(pos, "include: %s: %s", wording.Quote(name), reason(err))
		return
	case d.bytes+len(text) > maxFile:
		d.Complain(pos, "include: with %s the files are larger than %d bytes (%d MiB) together, the limit",
			wording.Quote(name), maxFile, maxFile>>20)
		return
	}
	q.Source = yamlpos.NewSource(file, text, language)
	q.Order, q.Via = len(d.asked), via(q)
	d.included = append(d.included, lab.Included{File: file, Text: string(text)})
	if !d.open(q) {
		d.lost = true
	}
	d.Source = p.Source
}

// mostVia is how many files via names, beside the topology's own.
const mostVia = 4

// via says how an included file came to be one. Every complaint about the file ends with it: its
// author may not know that there is a topology, and that of the topology not know the file.
func via(p *part) string {
	words := fmt.Sprintf("included by %s:%d", p.from.File, p.at.Line)
	for n, up := 1, p.from; up.from != nil; n, up = n+1, up.from {
		switch {
		case n < mostVia || up.from.from == nil:
			words += fmt.Sprintf(", that by %s:%d", up.from.File, up.at.Line)
		case n == mostVia:
			words += ", ..."
		}
	}
	return words
}

// circle says how a part includes one that is being read, itself or another one above. Such files
// have no order in which one's names come before the other's.
func circle(p, above *part) string {
	if p == above {
		return "the file includes itself"
	}
	names := []string{above.File}
	for ; p != above; p = p.from {
		names = append(names, p.File)
	}
	names = append(names, above.File)
	slices.Reverse(names)
	return "the files include each other: " + strings.Join(names, " -> ")
}

// reason is why a file cannot be read, without the name of the call that tells.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}
