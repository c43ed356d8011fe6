package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// kinds are the kinds of values that flags take, by pflag's names for them.
var kinds = map[string]string{
	"int":      "whole number",
	"uint16":   "number from 0 to 65535",
	"duration": "duration, such as 90s or 5m",
	"bool":     "truth value: true or false",
}

// badValue says of a value that a flag, or a variable in its place, does not take
// what it would take. Other errors stay as they are.
// pflag's own words end in those of strconv, "invalid syntax", which do not say what would be
// right.
func badValue(name string, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	if name == "" {
		name = "--" + invalid.GetFlag().Name
	}
	kind, ok := kinds[invalid.GetFlag().Value.Type()]
	if !ok {
		return fmt.Errorf("%s: %q: %w", name, invalid.GetValue(), errors.Unwrap(invalid))
	}
	return fmt.Errorf("%s: %q is not a %s", name, invalid.GetValue(), kind)
}
