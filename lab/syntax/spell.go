package syntax

import (
	"reflect"
	"slices"
	"strings"

	"labrun/lab"
)

// Spell returns a step as files have it: the call, and behind it the answer when that is not ok. Where the call is
// about a NIC its name has no quotes, as names have none elsewhere, if it reads as the same step so. A text with ${ in
// it is no placeholder, and written so that it is not read as one.
func Spell(call lab.Call, want lab.Want) string {
	return strings.ReplaceAll(unquoted(call, want), "${", `$\x7b`)
}

func unquoted(call lab.Call, want lab.Want) string {
	plain, bare := spell(call, want), ""
	if len(call.Args) > 1 {
		o, ok := lab.OptionOf(call.Args[1].String())
		if ok && (o.Value == lab.ValueDevice || o.Value == lab.ValueIndex) {
			bare = spell(bareNICs(call, want))
		}
	}
	if bare == "" || bare == plain {
		return plain
	}
	was, is := Parse(plain), Parse(bare)
	if len(is.Mistakes) > 0 || !reflect.DeepEqual(was.Call, is.Call) || !reflect.DeepEqual(was.Want, is.Want) {
		return plain
	}
	return bare
}

func spell(call lab.Call, want lab.Want) string {
	switch answer := want.String(); {
	case answer == "" || answer == string(lab.OK):
		return call.String()
	case strings.HasPrefix(answer, "~ "):
		return call.String() + " " + answer
	default:
		return call.String() + " = " + answer
	}
}

// bareNICs returns a step in which texts are names, which have no quotes: in a list a text in quotes would need other
// ones around it.
func bareNICs(call lab.Call, want lab.Want) (lab.Call, lab.Want) {
	bare := func(a lab.Arg) lab.Arg {
		if t, ok := a.(lab.Text); ok {
			return lab.Name(t)
		}
		return a
	}
	call.Args, want = slices.Clone(call.Args), slices.Clone(want)
	for i, a := range call.Args {
		call.Args[i] = bare(a)
	}
	for i := range want {
		want[i].Answer.Value = bare(want[i].Answer.Value)
	}
	return call, want
}
