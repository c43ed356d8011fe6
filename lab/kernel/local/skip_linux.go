package local

import (
	"errors"

	"labrun/lab/fabric"
	"labrun/lab/process"
)

// errSkip is a reason why this machine cannot ask the question.
type errSkip string

func (e errSkip) Error() string { return string(e) }

// SkipOf returns the reason of an error that says what this machine or its kernel lacks for a call, false for another.
func SkipOf(err error) (reason string, ok bool) {
	var skip errSkip
	ok = errors.As(err, &skip)
	return string(skip), ok
}

// lacking turns the error of a parameter, or of something else that the kernel lacks, into a skip.
func lacking(err error) error {
	if errors.Is(err, fabric.ErrNoSysctl) || errors.Is(err, fabric.ErrNoLink) ||
		errors.Is(err, fabric.ErrNoMessage) ||
		errors.Is(err, process.ErrNoAmbient) || errors.Is(err, fabric.ErrNoRules) || errors.Is(err, fabric.ErrNoNetem) {
		return errSkip(err.Error())
	}
	return err
}
