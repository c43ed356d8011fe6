package draft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// File is a topology file that is to be written.
type File struct {
	About       string // a comment above everything, which may have several lines; "" for none
	Doc         string
	lab.Layout  // its Name is the topology's
	Experiments []Experiment
}

// Experiment is an experiment without axes.
type Experiment struct {
	Name  string
	Doc   string
	Hosts []string // the hosts whose columns it has; empty means every host
	Users []lab.ProcessUser
	Lines []Line
}

// Line is a step, or a comment when its Step has neither a call nor a program.
type Line struct {
	Comment string // without "# "; beside a step it stands above it. It may have several lines
	Step    lab.Step
}

// width is where texts are folded: lines of topology files end before column 120.
const width = 116

// Text returns the file.
func (f *File) Text() string {
	w := &writer{}
	if f.About != "" {
		w.comment(0, f.About)
		w.line(0, "")
	}
	w.line(0, "name: "+yamlpos.Spelled(f.Name, false))
	w.doc(0, f.Doc)
	w.layout(&f.Layout)
	if len(f.Experiments) > 0 {
		w.line(0, "")
		w.line(0, "experiments:")
	}
	for _, e := range f.Experiments {
		w.line(0, "")
		w.experiment(e)
	}
	return w.b.String()
}

// LayoutText returns the sections networks and hosts alone, as Text writes them.
func LayoutText(l *lab.Layout) string {
	w := &writer{}
	w.layout(l)
	return strings.TrimPrefix(w.b.String(), "\n")
}

type writer struct{ b strings.Builder }

// line writes a line so many levels further in.
func (w *writer) line(level int, text string) {
	if text != "" {
		w.b.WriteString(strings.Repeat("  ", level))
	}
	w.b.WriteString(text + "\n")
}

// comment writes lines of a comment. What they quote of a stranger's text may have what YAML allows nowhere, as NUL.
func (w *writer) comment(level int, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		w.line(level, strings.TrimRight("# "+lab.Visible(line), " "))
	}
}

// doc writes the key doc. A text that is too long for a line is folded, and one that has lines keeps them.
func (w *writer) doc(level int, text string) {
	text = strings.TrimSpace(text)
	const room = len("doc: ")
	switch {
	case text == "":
	case strings.Contains(text, "\n"):
		w.line(level, "doc: |-")
		for line := range strings.SplitSeq(text, "\n") {
			w.line(level+1, strings.TrimRight(line, " "))
		}
	case 2*level+room+len(text) <= width:
		w.line(level, "doc: "+yamlpos.Spelled(text, false))
	default:
		w.line(level, "doc: >-")
		for _, line := range fold(text, width-2*level-2) {
			w.line(level+1, line)
		}
	}
}

// fold returns a text in lines of so many bytes, where its words are not longer.
func fold(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func (w *writer) layout(l *lab.Layout) {
	w.line(0, "")
	w.line(0, "networks:")
	for i := range l.Networks {
		n := &l.Networks[i]
		w.line(1, n.Name+": "+network(n))
	}
	w.line(0, "")
	w.line(0, "hosts:")
	for i := range l.Hosts {
		w.host(&l.Hosts[i])
	}
}

// network returns what a network is: its subnet where it has that alone, else a mapping.
func network(n *lab.Network) string {
	var four, six []string
	for _, p := range n.Subnets() {
		if p.Addr().Is4() {
			four = append(four, p.String())
		} else {
			six = append(six, p.String())
		}
	}
	var keys []string
	for _, family := range []struct {
		key  string
		list []string
	}{{"subnet", four}, {"subnet6", six}} {
		if len(family.list) > 0 {
			keys = append(keys, family.key+": "+flow(family.list))
		}
	}
	if n.Link {
		keys = append(keys, "link: true")
	}
	if one := slices.Concat(four, six); len(keys) == 1 && len(one) == 1 {
		return one[0]
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

// flow returns a text, or several as a list in brackets.
func flow(texts []string) string {
	for i := range texts {
		texts[i] = yamlpos.Spelled(texts[i], true)
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func (w *writer) host(h *lab.Host) {
	w.line(1, yamlpos.Spelled(h.Name, false)+":")
	if len(h.Sysctls) > 0 {
		w.line(2, "sysctls:")
		for _, s := range h.Sysctls {
			w.line(3, s.Name+": "+yamlpos.Spelled(s.Value, false))
		}
	}
	if h.Forwarding {
		w.line(2, "forwarding: true")
	}
	if len(h.NICs) == 0 {
		w.line(2, "nics: {}") // without braces it is null, which is not a mapping
	} else {
		w.line(2, "nics:")
	}
	for i := range h.NICs {
		w.line(3, yamlpos.Spelled(h.NICs[i].Name, false)+": "+nic(&h.NICs[i]))
	}
	for _, list := range []struct {
		key   string
		specs []lab.HostSpec
	}{{"neighbours", h.Neighbours}, {"routes", h.Routes}, {"rules", h.Rules}} {
		if len(list.specs) > 0 {
			w.line(2, list.key+":")
		}
		for _, s := range list.specs {
			w.line(3, "- "+yamlpos.Spelled(string(s.Spec), false))
		}
	}
	if h.NFT != "" {
		w.line(2, "nft: |")
		for line := range strings.SplitSeq(strings.TrimRight(h.NFT, "\n"), "\n") {
			w.line(3, line)
		}
	}
}

// nic returns what a NIC is, with all its addresses said: a file that is gone on with keeps them when it gets
// more hosts.
func nic(n *lab.NIC) string {
	var keys []string
	add := func(key, value string) {
		if value != "" {
			keys = append(keys, key+": "+yamlpos.Spelled(value, true))
		}
	}
	add("network", n.Network)
	add("type", string(n.Type))
	add("netem", string(n.Netem))
	add("master", n.Master)
	switch a := n.Addresses; {
	case len(a) == 0:
		add("address", "none")
	case len(a) == 1:
		add("address", a[0].Prefix.String())
		add("as", a[0].Alias)
	default:
		var all []string
		for _, one := range a {
			if text := yamlpos.Spelled(one.Prefix.String(), true); one.Alias != "" {
				all = append(all, "{address: "+text+", as: "+one.Alias+"}")
			} else {
				all = append(all, text)
			}
		}
		keys = append(keys, "address: ["+strings.Join(all, ", ")+"]")
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

func (w *writer) experiment(e Experiment) {
	w.line(1, yamlpos.Spelled(e.Name, false)+":")
	w.doc(2, e.Doc)
	if len(e.Hosts) > 0 {
		w.line(2, "hosts: ["+strings.Join(e.Hosts, ", ")+"]")
	}
	if len(e.Users) > 0 {
		w.line(2, "processes:")
		for _, u := range e.Users {
			capabilities := ""
			if len(u.Capabilities) > 0 {
				capabilities = ", capabilities: [" + strings.Join(u.Capabilities, ", ") + "]"
			}
			w.line(3, fmt.Sprintf("%s: {user: %d%s}", u.Process, u.User, capabilities))
		}
	}
	w.line(2, "steps: |")
	for _, l := range e.Lines {
		if l.Comment != "" {
			w.comment(3, l.Comment)
		}
		if l.Step.Call.Name != "" || l.Step.Run != nil {
			w.line(3, StepText(&l.Step))
		}
	}
}

// StepText returns a step as it stands on a line of "steps: |": without its process when that is main, without the
// answer when that is ok, and as a mapping when it has more than these.
func StepText(s *lab.Step) string {
	if s.Run != nil {
		return program(s)
	}
	text := syntax.Spell(s.Call, s.Want)
	process := s.Process.String()
	if process == "" {
		process = "main"
	}
	var more []string
	add := func(key, value string) { more = append(more, key+": "+value) }
	if s.Limit != 0 {
		add("limit", lab.Duration(s.Limit).String())
	}
	if s.Until != 0 {
		add("until", lab.Duration(s.Until).String())
	}
	if s.Pending != "" {
		add("background", "true")
		if s.Pending != s.Call.Makes {
			add("as", s.Pending)
		}
	}
	if len(more) > 0 {
		return "{" + process + ": " + wording.YAML(text) + ", " + strings.Join(more, ", ") + "}"
	}
	if process != "main" {
		text = process + ": " + text
	}
	return text
}

// program returns a step that runs a program.
func program(s *lab.Step) string {
	var words []string
	for _, a := range s.Run.Argv {
		words = append(words, yamlpos.Spelled(a, true))
	}
	keys := []string{"run: [" + strings.Join(words, ", ") + "]"}
	if s.Process.Name != "" && s.Process != (lab.Process{Name: "main"}) {
		keys = append(keys, "as: "+s.Process.String())
	}
	if s.Run.Background {
		keys = append(keys, "background: true")
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

// DualNIC returns the layout that most lessons have: two hosts, alpha and beta, with two NICs each, whose
// addresses are x and y, and x6 and y6.
func DualNIC(name string) lab.Layout {
	l := lab.Layout{Name: name}
	for _, n := range []struct{ name, four, six string }{
		{"red", "192.0.2.0/24", "2001:db8:a::/64"}, {"blue", "198.51.100.0/24", "2001:db8:b::/64"},
	} {
		l.Networks = append(l.Networks,
			lab.Network{Name: n.name, Subnet: netip.MustParsePrefix(n.four), Subnet6: netip.MustParsePrefix(n.six)})
	}
	for i, host := range []string{"alpha", "beta"} {
		h := lab.Host{Name: host}
		for j, alias := range []string{"x", "y"} {
			n := &l.Networks[j]
			h.NICs = append(h.NICs, lab.NIC{Name: fmt.Sprintf("eth%d", j), Network: n.Name, Addresses: []lab.Address{
				{Prefix: netip.PrefixFrom(Nth(n.Subnet, 10*(i+1)), n.Subnet.Bits()), Alias: alias},
				{Prefix: netip.PrefixFrom(Nth(n.Subnet6, 0x10*(i+1)), n.Subnet6.Bits()), Alias: alias + "6"},
			}})
		}
		l.Hosts = append(l.Hosts, h)
	}
	return l
}

// Nth returns the address so many behind the first of a prefix, of at most 65535.
func Nth(p netip.Prefix, n int) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	b[len(b)-2] += byte(n >> 8)
	b[len(b)-1] += byte(n)
	a, _ := netip.AddrFromSlice(b)
	return a
}
