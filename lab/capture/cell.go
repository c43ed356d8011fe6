package capture

import (
	"cmp"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"labrun/lab"
)

// Cell is the files of a cell while they are written.
type Cell struct {
	folder *Folder
	dir    string
	files  []*file
	lo     *file
	links  map[at]place
	err    error // the first one
}

// at is a link of a host; a step may give one that it makes the name of a NIC.
type at struct {
	host, name string
	nic        bool
}

// place is an interface of a file.
type place struct {
	file *file
	id   int
}

// Cell makes the files of a cell, with all their interfaces.
func (f *Folder) Cell(s Subject) (*Cell, error) {
	c := &Cell{folder: f, dir: s.dir(), links: map[at]place{}}
	if err := f.make(c.dir); err != nil {
		return nil, err
	}
	section := f.Section
	section.Comment = s.comment()
	for i := range s.Layout.Networks {
		c.network(s.Layout, s.Layout.Networks[i].Name, s.Hosts)
	}
	c.lo = &file{name: loName}
	for _, h := range s.Hosts {
		c.add(c.lo, at{host: h, name: "lo"}, &link{host: h, name: "lo", description: "what never leaves " + h})
	}
	c.files = append(c.files, c.lo)
	for _, file := range c.files {
		if err := file.open(f, path.Join(c.dir, file.name), section, recordsOf(s.Layout, s.Hosts)); err != nil {
			return nil, errors.Join(err, c.abandon())
		}
	}
	return c, nil
}

// loName is the name of a file that belongs to no network: no network may have it.
const loName = "lo.pcapng"

// network adds the file of a network, when a host is on it.
func (c *Cell) network(l *lab.Layout, name string, hosts []string) {
	file := &file{name: name + ".pcapng"}
	for _, h := range hosts {
		for _, n := range l.Host(h).NICs {
			if n.Network == name {
				c.add(file, at{host: h, name: n.Name, nic: true}, linkOf(h, &n))
			}
		}
	}
	if len(file.links) > 0 {
		c.files = append(c.files, file)
	}
}

func linkOf(host string, n *lab.NIC) *link {
	l := &link{host: host, name: n.Name}
	var words []string
	for _, a := range n.Addresses {
		l.prefixes = append(l.prefixes, a.Prefix)
		word := a.Prefix.String()
		if a.Alias != "" {
			word += " (" + a.Alias + ")"
		}
		words = append(words, word)
	}
	l.description = strings.Join(words, ", ")
	return l
}

// add gives a link the next number of its file: packets name their interface by the order of the
// descriptions, as pcapng has it.
func (c *Cell) add(f *file, where at, l *link) place {
	p := place{f, len(f.links)}
	f.links = append(f.links, l)
	c.links[where] = p
	return p
}

// recordsOf are the names of addresses: beta.x, as steps write them.
func recordsOf(l *lab.Layout, hosts []string) []record {
	var records []record
	for _, h := range hosts {
		for _, n := range l.Host(h).NICs {
			for _, a := range n.Addresses {
				records = append(records, record{a.Prefix.Addr(), strings.TrimSuffix(h+"."+a.Alias, ".")})
			}
		}
	}
	return records
}

// Write writes packets, in this order.
func (c *Cell) Write(packets []lab.Packet) {
	for i := range packets {
		p := &packets[i]
		where := at{p.Host, p.Link, p.NIC}
		to, ok := c.links[where]
		if !ok {
			l := &link{host: p.Host, name: p.Link, description: "made by the experiment"}
			to = c.add(c.lo, where, l)
			c.lo.append(description(l), interfaceDescription)
		}
		if p.Unsummed && len(p.Data) == p.Length {
			complete(p.Data)
		}
		to.file.links[to.id].packets++
		to.file.append(packet(uint32(to.id), p.Time, p.Data, p.Length), enhancedPacket)
		c.fail(to.file.flush(enough))
	}
}

// Close ends the files, and returns their names as the user would write them. Of
// every host it is told how many packets were dropped.
func (c *Cell) Close(dropped map[string]int) ([]string, error) {
	end := time.Now()
	var names []string
	for _, f := range c.files {
		for id, l := range f.links {
			l.dropped = dropped[l.host]
			f.append(statistics(uint32(id), l, f.start, end), interfaceStatistics)
		}
		c.fail(f.flush(0))
		names = append(names, filepath.Join(c.folder.name, filepath.FromSlash(c.dir), f.name))
	}
	lost := 0
	for _, n := range dropped {
		lost += n
	}
	if lost > 0 {
		c.folder.lose(filepath.Join(c.folder.name, filepath.FromSlash(c.dir)), lost)
	}
	c.fail(c.abandon())
	return names, c.err
}

// fail keeps the first error. A full disk is one error and not one for every packet, and the cell
// goes on: its answers are the kernel's, whether they are captured or not.
func (c *Cell) fail(err error) { c.err = cmp.Or(c.err, err) }

// abandon closes the files as they are.
func (c *Cell) abandon() error {
	var errs []error
	for _, f := range c.files {
		if f.out != nil {
			errs = append(errs, f.out.Close())
		}
	}
	return errors.Join(errs...)
}

// file is one file. Blocks are written whole, so that what is there can be read
// whenever the writing ends.
type file struct {
	name  string
	out   *os.File
	start time.Time
	links []*link
	wait  block // to be written
	err   error
}

// enough is how many bytes are written at once.
const enough = 1 << 16

// open makes the file, with all that stands before the packets.
func (f *file) open(folder *Folder, name string, s Section, records []record) error {
	f.start = time.Now()
	var err error
	if f.out, err = folder.create(name); err != nil {
		return err
	}
	if folder.Own != nil {
		if err := folder.Own(f.out); err != nil {
			return err
		}
	}
	f.append(section(&s), sectionHeader)
	for _, l := range f.links {
		f.append(description(l), interfaceDescription)
	}
	f.append(names(records), nameResolution)
	return f.flush(0)
}

func (f *file) append(b block, kind uint32) { f.wait = b.appendTo(f.wait, kind) }

// flush writes what is to be written, if that is more than most. After an error
// nothing is written any more.
func (f *file) flush(most int) error {
	if len(f.wait) <= most {
		return nil
	}
	if f.err == nil {
		_, f.err = f.out.Write(f.wait)
	}
	f.wait = slices.Delete(f.wait, 0, len(f.wait))
	return f.err
}
