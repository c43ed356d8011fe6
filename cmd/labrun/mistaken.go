package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"labrun/lab"
)

// mistakenReport says what to do with a kept report that was taken for a topology
// file, "" when the text is none.
func mistakenReport(file string, text []byte) string {
	object, ok := bytes.CutPrefix(bytes.TrimSpace(text), []byte("{"))
	if !ok || !bytes.HasPrefix(bytes.TrimSpace(object), []byte(`"environment":`)) { // comes first, see report.JSON
		return ""
	}
	return fmt.Sprintf("%s: that is a kept report; %q prints it, %q runs again what is in it",
		file, lab.Command("labrun", "report", file), lab.Command("labrun", "rerun", file))
}

// mistakenTopology says where reports come from when a topology file was taken for
// one, "" when it has no such name.
func mistakenTopology(file string) string {
	if !slices.Contains(topologySuffixes, strings.TrimPrefix(filepath.Ext(file), ".")) {
		return ""
	}
	return fmt.Sprintf("%s: that is a topology file; %q keeps a report of it", file, lab.Command("labrun", "-o", "report.json", file))
}
