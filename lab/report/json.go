package report

import (
	"encoding/json"
	"io"

	"labrun/lab"
)

// JSON writes the report as one indented object.
func JSON(w io.Writer, r lab.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // "->" and "<" stay readable
	return enc.Encode(r)
}
