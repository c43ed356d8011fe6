package topology

import (
	"cmp"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// Source is where a topology comes from: a file by its name alone, or its text.
type Source struct {
	File string
	// Text is the file's, which is read when it is nil; so are those that it includes then.
	Text []byte
	// Included are the texts of those, as a report keeps them.
	Included []lab.Included

	read readFunc // in place of all that, for tests
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
// they say, the error is Diagnostics.
func Load(s Source) (*lab.Topology, error) {
	text, read, err := s.open()
	if err != nil {
		return nil, err
	}
	d := newDecoder(s.File, read)
	if _, ok := d.collect(text); ok {
		d.decode()
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	d.top.Source = string(text)
	d.top.Warnings = warned(d.Warnings)
	return d.top, nil
}

// decoder turns the tree into a Topology. Its indexes also hold what had
// mistakes, so that one mistake makes one complaint.
type decoder struct {
	*yamlpos.Complaints
	files
	top      *lab.Topology
	claims   map[string]lab.Pos // nil when no file has such a section
	probes   map[string]lab.Pos
	rows     map[string]lab.Pos // the experiments
	networks map[string]*network
	hosts    map[string]*host
	defaults []lab.Sysctl            // of every host
	order    []*host                 // the hosts in the order of the file
	used     map[usedAddr]place      // every address that is taken
	parsed   map[string]*syntax.Step // by their text
	checks   int                     // steps checked so far

	partsLost    bool // an included file could not be read, so any claim and probe may be there
	networksLost bool // the section is unusable, so any name may be right
	hostsLost    bool
	probesLost   bool
	peersUnsure  bool // which host is on which network is not quite known
}

func newDecoder(file string, read readFunc) *decoder {
	return &decoder{
		Complaints: &yamlpos.Complaints{},
		files:      files{read: read, folder: folderOf(file), named: map[string]*part{}},
		top:        &lab.Topology{Layout: lab.Layout{File: file}},
		probes:     map[string]lab.Pos{},
		rows:       map[string]lab.Pos{},
		networks:   map[string]*network{},
		hosts:      map[string]*host{},
		used:       map[usedAddr]place{},
		parsed:     map[string]*syntax.Step{},
	}
}

// decode decodes all the files. The sections may stand in any order in them, here
// each comes after those that it refers to.
func (d *decoder) decode() {
	own := d.parts[len(d.parts)-1]
	if e, ok := own.keys["name"]; ok {
		if name, ok := d.Text(e.Value, "name"); ok && d.checkName(yamlpos.PosOf(e.Value), syntax.TopologyName, name) {
			d.top.Name = name
		}
	}
	d.each("doc", func(e yamlpos.Entry) {
		if doc := d.doc(e); d.Source == own.Source {
			d.top.Doc = doc
		}
	})
	d.each("claims", d.decodeClaims)
	d.Source = own.Source
	d.decodeNetworks(own.keys["networks"])
	d.decodeDefaults(own.keys["defaults"])
	d.decodeHosts(own.keys["hosts"])
	d.each("probes", d.decodeProbes)
	d.each("experiments", d.decodeExperiments)
	if len(d.List) == 0 {
		d.warnUnused()
	}
}

// each decodes a section of each file that has it.
func (d *decoder) each(key string, decode func(yamlpos.Entry)) {
	for _, p := range d.parts {
		if e, ok := p.keys[key]; ok {
			d.Source = p.Source
			decode(e)
		}
	}
}

// declare records e's name, or complains that another file declares it.
func (d *decoder) declare(noun string, known map[string]lab.Pos, e yamlpos.Entry) bool {
	if at, ok := known[e.Key]; ok {
		d.Complain(e.Pos, "%s %s exists already, in %s:%d", noun, wording.Quote(e.Key), cmp.Or(at.File, d.top.File), at.Line)
		return false
	}
	known[e.Key] = d.Source.At(e.Pos)
	return true
}

func (d *decoder) doc(e yamlpos.Entry) string {
	text, _ := d.Text(e.Value, "doc")
	return text
}

func (d *decoder) decodeClaims(e yamlpos.Entry) {
	list, _ := d.Entries(e.Value, yamlpos.Scope{Inner: "claims"}, "from names to sentences")
	if n := len(d.claims) + len(list); n > maxClaims {
		d.Complain(list[maxClaims-len(d.claims)].Pos, "the file has %d claims, the limit is %d", n, maxClaims)
		return
	}
	if d.claims == nil {
		d.claims = map[string]lab.Pos{}
	}
	for _, c := range list {
		if !d.checkName(c.Pos, syntax.ClaimName, c.Key) || !d.declare("claim", d.claims, c) {
			continue
		}
		if text, ok := d.Text(c.Value, "claim "+wording.Quote(c.Key)); ok {
			d.top.Claims = append(d.top.Claims, lab.Claim{Name: c.Key, Text: text, Pos: d.Source.At(c.Pos)})
		}
	}
}
