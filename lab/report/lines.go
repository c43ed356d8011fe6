package report

import (
	"bytes"
	"fmt"
	"io"
	"sort"
)

// mostValue bounds a value of a report, and the space between two: the decoder holds
// either in memory as a whole. The largest that labrun writes is the text of a file.
const mostValue = 64 << 20

var errTooLarge = fmt.Errorf("more than %d MB in one value, or between two", mostValue>>20)

// lineReader hands on a text to a decoder that knows offsets only, and knows lines. It
// remembers where the lines begin that the decoder has not used yet, for they are the only
// ones that a mistake can be in: a report of 100 MB costs it a few lines' worth.
type lineReader struct {
	in      io.Reader
	used    func() int64 // the offset to which the decoder has used the text
	read    int64        // the offset to which it has the text
	starts  []int64      // of lines, the first one at or before what is used
	dropped int          // lines before those
	err     error        // of in, unless it is io.EOF
}

func (l *lineReader) Read(p []byte) (int, error) {
	used := l.used()
	if l.read-used > mostValue {
		return 0, errTooLarge
	}
	done := l.lineAt(used)
	l.dropped += done
	l.starts = l.starts[:copy(l.starts, l.starts[done:])]
	n, err := l.in.Read(p)
	for at := 0; ; {
		end := bytes.IndexByte(p[at:n], '\n')
		if end < 0 {
			break
		}
		at += end + 1
		l.starts = append(l.starts, l.read+int64(at))
	}
	l.read += int64(n)
	if err != io.EOF {
		l.err = err
	}
	return n, err
}

// lineAt returns the index in starts of the line that has the offset.
func (l *lineReader) lineAt(offset int64) int {
	return max(sort.Search(len(l.starts), func(i int) bool { return l.starts[i] > offset })-1, 0)
}

// position returns the line and the column of an offset that the decoder has come to last,
// both from 1; columns count bytes.
func (l *lineReader) position(offset int64) (line, column int) {
	i := l.lineAt(offset)
	return l.dropped + i + 1, int(offset-l.starts[i]) + 1
}
