package topology

import (
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
)

// Load reads a topology file. When something is wrong with what it says, the
// error is Diagnostics.
func Load(file string) (*lab.Topology, error) {
	source, err := Read(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, source)
}

// Read returns the text of a file for Parse. Of a file that is too large it
// returns just enough for Parse to say so.
func Read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	return source, nil
}

// Parse reads the text of a topology file; the name of the file is for messages
// only. When something is wrong with the text, the error is Diagnostics.
func Parse(file string, text []byte) (*lab.Topology, error) {
	if len(text) > maxFile {
		return nil, Diagnostics{{file, lab.Pos{Line: 1, Col: 1},
			fmt.Sprintf("the file is larger than %d bytes (%d MiB), the limit", maxFile, maxFile>>20)}}
	}
	s := newSource(file, text)
	c := &complaints{source: s}
	for _, check := range []func(*complaints){s.checkText, s.checkSize} {
		if check(c); len(c.list) > 0 {
			return nil, c.err()
		}
	}
	root := s.parseYAML(c)
	if root == nil || !s.checkTree(c, root) {
		return nil, c.err()
	}
	d := newDecoder(c)
	d.file(deref(root))
	if err := c.err(); err != nil {
		return nil, err
	}
	d.top.Source = string(text)
	return d.top, nil
}

// decoder turns the tree into a Topology. Its indexes also hold what had
// mistakes, so that one mistake makes one complaint.
type decoder struct {
	*complaints
	top      *lab.Topology
	claims   map[string]bool // nil when the file has no such section
	networks map[string]*network
	hosts    map[string]*host
	order    []*host                // the hosts in the order of the file
	used     map[usedAddr]place     // every address that is taken
	parsed   map[string]*parsedStep // by their text
	checks   int                    // steps checked so far

	networksLost bool // the section is unusable, so any name may be right
	hostsLost    bool
	probesLost   bool
	peersUnsure  bool // which host is on which network is not quite known
}

func newDecoder(c *complaints) *decoder {
	return &decoder{
		complaints: c,
		top:        &lab.Topology{File: c.source.file},
		networks:   map[string]*network{},
		hosts:      map[string]*host{},
		used:       map[usedAddr]place{},
		parsed:     map[string]*parsedStep{},
	}
}

func (d *decoder) complain(pos lab.Pos, format string, args ...any) { d.add(pos, format, args...) }

// file decodes the whole file. The sections may stand in any order in it, here
// each comes after those that it refers to.
func (d *decoder) file(root *yaml.Node) {
	s := scope{inner: "the file"}
	keys, ok := d.fields(root, s, "name", "doc", "claims", "networks", "hosts", "probes", "experiments")
	if !ok {
		return
	}
	for _, key := range []string{"name", "networks", "hosts"} {
		if _, ok := keys[key]; !ok {
			d.complain(posOf(root), "key %q is missing in the file", key)
		}
	}
	if e, ok := keys["name"]; ok {
		if name, ok := d.text(e.value, "name"); ok && d.checkName(posOf(e.value), topologyName, name) {
			d.top.Name = name
		}
	}
	if e, ok := keys["doc"]; ok {
		d.top.Doc = d.doc(e)
	}
	if e, ok := keys["claims"]; ok {
		d.decodeClaims(e)
	}
	d.decodeNetworks(keys["networks"])
	d.decodeHosts(keys["hosts"])
	if e, ok := keys["probes"]; ok {
		d.decodeProbes(e)
	}
	if e, ok := keys["experiments"]; ok {
		d.decodeExperiments(e)
	}
}

func (d *decoder) doc(e entry) string {
	text, _ := d.text(e.value, "doc")
	return text
}

func (d *decoder) decodeClaims(e entry) {
	list, _ := d.entries(e.value, scope{inner: "claims"}, "from names to sentences")
	if len(list) > maxClaims {
		d.complain(list[maxClaims].pos, "the file has %d claims, the limit is %d", len(list), maxClaims)
		return
	}
	d.claims = map[string]bool{}
	for _, c := range list {
		if !d.checkName(c.pos, claimName, c.key) {
			continue
		}
		d.claims[c.key] = true
		if text, ok := d.text(c.value, "claim "+quote(c.key)); ok {
			d.top.Claims = append(d.top.Claims, lab.Claim{Name: c.key, Text: text, Pos: c.pos})
		}
	}
}
