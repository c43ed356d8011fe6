package once

import (
	"regexp"
	"sync"
)

// Regexp compiles a pattern when it is first used: processes of a lab are this
// program too, and read no file.
func Regexp(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
