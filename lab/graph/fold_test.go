package graph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

// Many hosts of one place are drawn as the first, the last, and a sign for those between; others are not.
func TestFolded(t *testing.T) {
	l := Layout{Networks: []lab.Network{{Name: "red"}}}
	add := func(name string, count, line int) {
		for i := 1; i <= count; i++ {
			l.Hosts = append(l.Hosts, lab.Host{Name: fmt.Sprintf("%s%d", name, i), Pos: lab.Pos{Line: line}, NICs: []lab.NIC{
				{Name: "eth0", Network: "red", Addresses: []lab.Address{address(fmt.Sprintf("192.0.2.%d/24", i), "x")}},
			}})
		}
	}
	add("few", mostAlike, 1)
	add("web", 9, 2)
	add("db", mostAlike+1, 3)
	add("nowhere", 6, 0)
	var names []string
	for _, h := range l.Folded().Hosts {
		names = append(names, h.Name)
	}
	want := []string{
		"few1", "few2", "few3", "few4", "web1", "web2 to web8, 7 hosts", "web9", "db1", "db2 to db4, 3 hosts", "db5",
		"nowhere1", "nowhere2", "nowhere3", "nowhere4", "nowhere5", "nowhere6",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	text := l.Folded().Text()
	if !strings.Contains(text, "│  web2 to web8, 7 hosts\n●─ eth0\n│\n│  web9\n●─ eth0 192.0.2.9/24 (x)\n") {
		t.Errorf("drawn:\n%s", text)
	}
	if l.Hosts[5].NICs[0].Addresses == nil || len(l.Hosts) != mostAlike+9+mostAlike+1+6 {
		t.Error("the layout itself has changed")
	}
}
