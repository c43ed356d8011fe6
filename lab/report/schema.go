package report

import _ "embed"

// Schema is the JSON Schema of what JSON writes. A test holds it to the types, field by
// field, so that a new field is described.
//
//go:embed report.schema.json
var Schema []byte
