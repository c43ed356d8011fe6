package syntax

import (
	"encoding/hex"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// bytes reads memory as C has it, bytes(01 00): for options that are a struct, or that are asked with
// another length than their own.
func (r *reader) bytes(s span) (lab.Arg, []Mistake) {
	open := s.token(1)
	if !s.token(0).is("bytes") || !open.is("(") || s.closing(1) != len(s.tokens)-1 {
		return nil, s.wrong("%s: bytes are written bytes(01 00), found %s", r.Name, s.found())
	}
	var all []byte
	for _, t := range s.part(2, len(s.tokens)-1).tokens {
		b, err := hex.DecodeString(t.text)
		if t.str || err != nil {
			return nil, wrong(t.start, "%s is not bytes in hexadecimal such as 0a ff", wording.Quote(t.text))
		}
		all = append(all, b...)
	}
	if len(all) > maxLength {
		return nil, s.wrong("%d bytes, the limit is %d", len(all), maxLength)
	}
	return lab.Bytes(all), nil
}

// info reads a part of TCP_INFO.
func (r *reader) info(s span) (lab.Arg, []Mistake) {
	_, part, _ := strings.Cut(r.option.Name, ".")
	words, ok := lab.InfoWords[part]
	switch {
	case !ok:
		return r.number(s, 0, 1<<32-1)
	case part != "options":
		return oneOf(part, slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" }), s)
	case s.text() == "none":
		return lab.Word("none"), nil
	}
	for word := range strings.SplitSeq(s.text(), "+") {
		if !slices.Contains(words, word) {
			return nil, s.wrong("unknown option of TCP %s; allowed: none, or some of %s with + between them",
				wording.Quote(word), strings.Join(words, ", "))
		}
	}
	return lab.Word(s.text()), nil
}
