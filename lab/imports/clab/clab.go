// Package clab makes hosts and networks of a topology of containerlab; pure.
//
// A node becomes a host, a link a cable between two of them, a node of kind bridge a network; addresses, routes and
// parameters come from the commands of "exec", which are ip(8)'s and sysctl(8)'s as a rule. What a container would run
// is not carried over: a host of a lab is a Linux network namespace.
package clab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/draft"
	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/trace"
	"labrun/lab/wording"
)

// Read returns a topology with the hosts and networks of a text, what of it is not carried over, and what is, in
// words.
func Read(name, text string) (*draft.File, []trace.Left, string) {
	r := &reader{bridges: map[string]bool{}}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) != 1 {
		r.left = append(r.left, trace.Left{Line: 1, Text: name, Why: fmt.Sprintf("this is not YAML: %v", err)})
		return &draft.File{Layout: lab.Layout{Name: name}, Experiments: []draft.Experiment{{Name: "none"}}}, r.left, ""
	}
	r.layout.Name = name
	topology := value(doc.Content[0], "topology")
	r.defaults(topology)
	nodes := value(topology, "nodes")
	for i := 0; i+1 < len(nodes.Content); i += 2 {
		r.node(nodes.Content[i], nodes.Content[i+1])
	}
	links := value(topology, "links").Content
	if len(links) == 0 {
		r.leave(topology, "topology", "it has no links, and a lab is made of them")
	}
	for _, link := range links {
		r.link(link)
	}
	for _, c := range r.commands {
		r.command(c)
	}
	r.name()
	f := &draft.File{About: "From a topology of containerlab.", Layout: r.layout}
	f.Experiments = []draft.Experiment{r.reach()}
	return f, r.left, wording.Count(len(r.layout.Hosts), "host") + ", " + wording.Count(len(r.layout.Networks), "network")
}

type reader struct {
	layout   lab.Layout
	left     []trace.Left
	kind     string            // of nodes that say none
	kinds    map[string]string // of groups
	bridges  map[string]bool   // nodes that are networks
	commands []command
}

// command is a command of a node, which is carried out once all links are known.
type command struct {
	host string
	at   *yaml.Node
}

func (r *reader) leave(n *yaml.Node, text, why string) {
	r.left = append(r.left, trace.Left{Line: n.Line, Col: n.Column, Text: text, Why: why})
}

// value returns the value of a key, an empty node when there is none.
func value(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return &yaml.Node{}
}

func (r *reader) defaults(topology *yaml.Node) {
	r.kind = value(value(topology, "defaults"), "kind").Value
	r.kinds = map[string]string{}
	groups := value(topology, "groups")
	for i := 0; i+1 < len(groups.Content); i += 2 {
		r.kinds[groups.Content[i].Value] = value(groups.Content[i+1], "kind").Value
	}
}

// quiet are keys of a node that say nothing about a network.
var quiet = []string{"kind", "image", "group", "labels", "mgmt-ipv4", "mgmt-ipv6", "exec", "sysctls", "type"}

// node makes a host, or of a bridge a network.
func (r *reader) node(name, n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	kind := value(n, "kind").Value
	if kind == "" {
		kind = r.kinds[value(n, "group").Value]
	}
	if kind == "" {
		kind = r.kind
	}
	if kind == "bridge" || kind == "ovs-bridge" {
		r.bridges[name.Value] = true
		r.layout.Networks = append(r.layout.Networks, lab.Network{Name: r.networkName(name.Value)})
		return
	}
	h := lab.Host{Name: name.Value}
	if problem := syntax.HostName.Check(h.Name); problem != "" {
		r.leave(name, name.Value, problem)
		return
	}
	if kind != "linux" && kind != "" {
		r.leave(name, name.Value, "a node of kind "+kind+" is not a Linux host; it becomes one, without its configuration")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !slices.Contains(quiet, key.Value) {
			r.leave(key, name.Value+": "+key.Value, "what a container has beside its links is not carried over")
		}
	}
	sysctls := value(n, "sysctls")
	for i := 0; i+1 < len(sysctls.Content); i += 2 {
		r.sysctl(&h, sysctls.Content[i], sysctls.Content[i].Value, sysctls.Content[i+1].Value)
	}
	r.layout.Hosts = append(r.layout.Hosts, h)
	exec := value(n, "exec")
	if exec.Kind == yaml.ScalarNode && exec.Value != "" {
		r.commands = append(r.commands, command{h.Name, exec})
	}
	for _, c := range exec.Content {
		r.commands = append(r.commands, command{h.Name, c})
	}
}

// networkName returns a name for a network that is free, and not too long for a bridge.
func (r *reader) networkName(wanted string) string {
	wanted = notInNames().ReplaceAllString(wanted, "-")
	if wanted = wanted[:min(len(wanted), 12)]; syntax.NetworkName.Check(wanted) != "" {
		wanted = "link"
	}
	name := wanted
	for n := 2; r.layout.Network(name) != nil; n++ {
		name = fmt.Sprintf("%s%d", wanted, n)
	}
	return name
}

var notInNames = once.Regexp(`[^A-Za-z0-9_-]`)

// link makes a cable between two hosts, or puts a host on a bridge. Its ends are texts, or have a key for each part.
func (r *reader) link(n *yaml.Node) {
	type side struct{ node, nic string }
	var sides []side
	for _, e := range value(n, "endpoints").Content {
		node, nic, _ := strings.Cut(e.Value, ":")
		if e.Kind == yaml.MappingNode {
			node, nic = value(e, "node").Value, value(e, "interface").Value
		}
		sides = append(sides, side{node, nic})
	}
	text := ""
	for _, s := range sides {
		text += " " + s.node + ":" + s.nic
	}
	text = strings.TrimSpace(text)
	if len(sides) != 2 {
		r.leave(n, text, "a link has two ends, NODE:INTERFACE")
		return
	}
	network := ""
	for _, s := range sides {
		switch {
		case r.bridges[s.node]:
			network = notInNames().ReplaceAllString(s.node, "-")
			network = network[:min(len(network), 12)]
		case r.layout.Host(s.node) == nil:
			r.leave(n, text, fmt.Sprintf("%q is not a node that became a host; a link to the machine leads out of the lab",
				s.node))
			return
		}
	}
	if network == "" {
		network = r.networkName(fmt.Sprintf("%.5s-%.5s", sides[0].node, sides[1].node))
		r.layout.Networks = append(r.layout.Networks, lab.Network{Name: network, Link: true})
	}
	for _, s := range sides {
		h := r.layout.Host(s.node)
		if h == nil {
			continue
		}
		if problem := syntax.NicName.Check(s.nic); problem != "" || r.nic(h, s.nic) != nil {
			r.leave(n, s.node+":"+s.nic, "the NIC gets another name: "+wordsOr(problem, "that one is taken"))
			s.nic = fmt.Sprintf("nic%d", 1+len(h.NICs))
		}
		h.NICs = append(h.NICs, lab.NIC{Name: s.nic, Network: network})
	}
}

func wordsOr(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func (r *reader) nic(h *lab.Host, name string) *lab.NIC {
	for i := range h.NICs {
		if h.NICs[i].Name == name {
			return &h.NICs[i]
		}
	}
	return nil
}

// unneeded are words of a command without which it says the same.
var unneeded = []string{"sudo", "-4", "-6", "-w", "-q"}

// command carries out what ip(8) and sysctl(8) do in a node.
func (r *reader) command(c command) {
	h := r.layout.Host(c.host)
	words := strings.Fields(c.at.Value)
	words = slices.DeleteFunc(words, func(w string) bool { return slices.Contains(unneeded, w) })
	is := func(i int, words2 ...string) bool { return i < len(words) && slices.Contains(words2, words[i]) }
	switch {
	case is(0, "ip") && is(1, "a", "addr", "address") && is(2, "a", "add") && len(words) >= 4:
		r.address(h, c, words[3:])
	case is(0, "ip") && is(1, "r", "ro", "route") && is(2, "a", "add") && len(words) >= 4:
		spec := strings.Join(words[3:], " ")
		if _, problem := syntax.ParseSpec(lab.KindRoute, spec); problem != "" {
			r.leave(c.at, c.at.Value, problem)
			return
		}
		h.Routes = append(h.Routes, lab.HostSpec{Spec: lab.Spec(spec)})
	case is(0, "ip") && is(1, "l", "link") && is(2, "set") && is(len(words)-1, "up"):
		// NICs of a lab are up.
	case is(0, "sysctl") && len(words) == 2 && strings.Contains(words[1], "="):
		name, value, _ := strings.Cut(words[1], "=")
		r.sysctl(h, c.at, name, value)
	default:
		r.leave(c.at, c.at.Value, "of commands ip address add, ip route add, ip link set up and sysctl are carried over")
	}
}

// address gives a NIC an address, which is in a subnet of its network.
func (r *reader) address(h *lab.Host, c command, words []string) {
	prefix, err := netip.ParsePrefix(words[0])
	i := slices.Index(words, "dev")
	switch {
	case err != nil:
		r.leave(c.at, c.at.Value, wording.Quote(words[0])+" is not an address with a length, such as 192.0.2.1/24")
		return
	case i < 0 || i+1 >= len(words):
		r.leave(c.at, c.at.Value, "dev NIC is missing")
		return
	case words[i+1] == "lo":
		r.leave(c.at, c.at.Value, "an address of lo is a step: addr_add(lo, "+words[0]+")")
		return
	}
	n := r.nic(h, words[i+1])
	if n == nil {
		r.leave(c.at, c.at.Value, fmt.Sprintf("%s has no link at %s", h.Name, words[i+1]))
		return
	}
	n.Addresses = append(n.Addresses, lab.Address{Prefix: prefix})
	network := r.layout.Network(n.Network)
	subnet := prefix.Masked()
	switch {
	case slices.Contains(network.Subnets(), subnet):
	case subnet.Addr().Is4() && !network.Subnet.IsValid():
		network.Subnet = subnet
	case subnet.Addr().Is6() && !network.Subnet6.IsValid():
		network.Subnet6 = subnet
	default:
		network.More = append(network.More, subnet)
	}
}

// sysctl sets a parameter of the network.
func (r *reader) sysctl(h *lab.Host, at *yaml.Node, name, value string) {
	name = strings.ReplaceAll(name, "/", ".")
	switch problem := syntax.SysctlProblem(name); {
	case (name == "net.ipv4.ip_forward" || name == "net.ipv6.conf.all.forwarding") && value == "1":
		h.Forwarding = true
	case problem != "":
		r.leave(at, name+"="+value, problem)
	default:
		h.Sysctls = append(h.Sysctls, lab.Sysctl{Name: name, Value: value})
	}
}

// name gives the first address of each family of a NIC a name: x and x6, y and y6, z and z6, then n4 and so on.
func (r *reader) name() {
	for i := range r.layout.Hosts {
		h := &r.layout.Hosts[i]
		for j := range h.NICs {
			alias := fmt.Sprintf("n%d", j+1)
			if j < 3 {
				alias = string("xyz"[j])
			}
			had := map[bool]bool{}
			for k := range h.NICs[j].Addresses {
				a := &h.NICs[j].Addresses[k]
				if six := a.Prefix.Addr().Is6(); !had[six] {
					had[six] = true
					a.Alias = alias + map[bool]string{true: "6"}[six]
				}
			}
		}
	}
}

// reach returns an experiment that asks over each link whether the other end answers.
func (r *reader) reach() draft.Experiment {
	e := draft.Experiment{Name: "reach", Doc: "Do the two ends of each link reach each other?"}
	if len(r.layout.Hosts) == 0 {
		return e
	}
	subject := r.layout.Hosts[0].Name
	e.Hosts = []string{subject}
	by := func(host string) lab.Process {
		if host == subject {
			host = ""
		}
		return lab.Process{Host: host, Name: "main"}
	}
	for _, network := range r.layout.Networks {
		first := "" // who asks all others of the network
		for _, h := range r.layout.Hosts {
			for _, n := range h.NICs {
				switch {
				case n.Network != network.Name:
				case first == "":
					first = h.Name
				case len(n.Addresses) > 0 && h.Name != first:
					s := syntax.Parse(fmt.Sprintf("ping(%s)", n.Addresses[0].Prefix.Addr()))
					e.Lines = append(e.Lines, draft.Line{Step: lab.Step{Process: by(first), Call: s.Call, Want: s.Want}})
				}
			}
		}
	}
	if len(e.Lines) == 0 {
		e.Doc = "No link has addresses: give some to the NICs, and write the first question here."
		s := syntax.Parse("a = socket(tcp)")
		e.Lines = []draft.Line{{Step: lab.Step{Process: by(subject), Call: s.Call, Want: s.Want}}}
	}
	return e
}

// Sniff reports whether a text looks like a topology of containerlab.
func Sniff(text string) bool {
	var file struct {
		Topology struct {
			Nodes map[string]any `yaml:"nodes"`
		} `yaml:"topology"`
	}
	if !strings.Contains(text, "topology:") || yaml.Unmarshal([]byte(text), &file) != nil {
		return false
	}
	return len(file.Topology.Nodes) > 0
}
