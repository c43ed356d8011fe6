// Package sys says once what several packages ask this machine's kernel, and by which
// numbers it knows what the vocabulary has names for.
package sys
