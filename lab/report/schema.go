package report

import _ "embed"

// Schema is the JSON Schema of what JSON writes.
//
//go:embed report.schema.json
var Schema []byte
