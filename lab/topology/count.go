package topology

import (
	"strconv"

	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// hostEntry is a host to be read, perhaps one of several that are alike.
type hostEntry struct {
	yamlpos.Entry
	first bool   // of those alike, or the only one
	alike string // what they are called in the file, "" when there is no count
}

// countHosts returns the hosts that a section has, where one with "count" stands for so many hosts: NAME1, NAME2
// and so on, in its place. Nothing else knows of counts then: each is a host like any other, with the next
// free addresses.
func (d *layoutReader) countHosts(list []yamlpos.Entry) (all []hostEntry) {
	lines := map[string]int{}
	for _, e := range list {
		lines[e.Key] = e.Pos.Line
	}
	for _, e := range list {
		names := []string{e.Key}
		alike := ""
		if at := yamlpos.KeyAt(e.Value, "count"); at >= 0 {
			value := yamlpos.Deref(e.Value.Content[at+1])
			where := "host " + wording.Quote(e.Key) + ", count"
			number, ok := d.number(value, where, 1, maxHosts)
			if !ok {
				number = 1 // its other mistakes are to be found all the same
				d.peersUnsure = true
			}
			names, alike = nil, e.Key
			for i := 1; i <= int(number); i++ {
				name := e.Key + strconv.Itoa(i)
				// Another count that makes the same name has one that this one makes too: web1 and web both make web11.
				if line, ok := lines[name]; ok {
					d.Wrong(value, "%s: it makes host %s, and line %d has that name too", where, wording.Quote(name), line)
					d.peersUnsure = true
					break
				}
				names = append(names, name)
			}
		}
		if len(all)+len(names) > maxHosts {
			d.Complain(e.Pos, "the file has %d hosts up to here, the limit is %d", len(all)+len(names), maxHosts)
			d.peersUnsure = true
			break
		}
		for i, name := range names {
			one := e
			one.Key = name
			all = append(all, hostEntry{one, i == 0, alike})
		}
	}
	return all
}
