//go:build !s390x

package record

// cloneArg is which argument of clone(2) has the flags.
const cloneArg = 0
