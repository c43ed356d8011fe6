package lab

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed parameters.txt
var parametersText string

// parameters returns the names of kernel parameters that labrun knows, "NIC" stands for links.
var parameters = sync.OnceValue(func() []string {
	var names []string
	for line := range strings.Lines(parametersText) {
		folder, list, ok := strings.Cut(line, ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		for _, name := range strings.Fields(list) {
			names = append(names, folder+"."+name)
		}
	}
	return names
})

// NearSysctl returns the kernel parameter that a name was probably meant to be, "" for one that
// labrun knows and for one that is near to none: a kernel may have others.
func NearSysctl(name string) string {
	parts := strings.Split(name, ".")
	if len(parts) > 64 || len(name) > 256 {
		return ""
	}
	link := ""
	if len(parts) > 4 && (parts[2] == "conf" || parts[2] == "neigh") {
		link, parts[3] = parts[3], "NIC"
	}
	found := strings.Join(parts, ".")
	if slices.Contains(parameters(), found) || slices.Contains(parameters(), name) {
		return ""
	}
	last := parts[len(parts)-1]
	best, distance := "", max(1, len(last)/6)+1
	elsewhere := len(parts) > 2 && len(last) > 3 && slices.ContainsFunc(parameters(), func(p string) bool {
		return strings.HasPrefix(p, "net."+parts[1]+".")
	})
	for _, p := range parameters() {
		if d := len(p) - len(found); d < distance && -d < distance {
			if d := Edits(found, p); d < distance {
				best, distance = p, d
			}
		}
	}
	for _, p := range parameters() { // net.ipv4.somaxconn, net.ipv4.rp_filter
		if best == "" && elsewhere && strings.HasSuffix(p, "."+last) {
			best = p
		}
	}
	if link != "" {
		best = strings.Replace(best, ".NIC.", "."+link+".", 1)
	}
	return best
}

// Edits counts the insertions, deletions, changes and swaps of neighbours that
// turn a into b.
func Edits(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
