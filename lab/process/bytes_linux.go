package process

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// timevalSize is the size of a struct timeval of 64-bit machines.
const timevalSize = 16

// timeBytes are a struct timeval.
func timeBytes(_ option, r *request) ([]byte, error) {
	t := unix.NsecToTimeval(int64(arg[lab.Duration](r, 2)))
	b := binary.NativeEndian.AppendUint64(nil, uint64(t.Sec))
	return binary.NativeEndian.AppendUint64(b, uint64(t.Usec)), nil
}

func timeValue(_ option, given []byte) (lab.Arg, error) {
	seconds, micros := binary.NativeEndian.Uint64(given), binary.NativeEndian.Uint64(given[8:])
	return lab.Duration(time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond), nil
}

func textBytes(_ option, r *request) ([]byte, error) { return []byte(arg[lab.Text](r, 2)), nil }

func plainBytes(_ option, r *request) ([]byte, error) { return []byte(arg[lab.Bytes](r, 2)), nil }

func plainValue(_ option, given []byte) (lab.Arg, error) { return lab.Bytes(given), nil }

// anyBytes are those of an option that has no row: an int, or what the file says.
func anyBytes(o option, r *request) ([]byte, error) {
	if _, isInt := hasArg[lab.Int](r, 2); isInt {
		return intBytes(o, r)
	}
	return plainBytes(o, r)
}

func anyValue(_ option, given []byte) (lab.Arg, error) {
	if len(given) == 4 {
		return lab.Int(int32(binary.NativeEndian.Uint32(given))), nil
	}
	return lab.Bytes(given), nil
}

// infoNumbers are where the parts of a struct tcp_info lie that are 32 bits (linux/tcp.h).
var infoNumbers = map[string]int{
	"snd_mss": 16, "rcv_mss": 20, "unacked": 24, "sacked": 28, "lost": 32, "retrans": 36, "pmtu": 60, "total_retrans": 100,
}

// infoValue is a part of a struct tcp_info, by the name of its option: TCP_INFO.state.
func infoValue(name string, given []byte) (lab.Arg, error) {
	_, part, _ := strings.Cut(name, ".")
	words := lab.InfoWords[part]
	word := func(n byte) (lab.Arg, error) {
		if int(n) >= len(words) {
			return nil, fmt.Errorf("%s is %d, which has no word", name, n)
		}
		return lab.Word(words[n]), nil
	}
	if at, ok := infoNumbers[part]; ok {
		return lab.Int(binary.NativeEndian.Uint32(given[at:])), nil
	}
	switch part {
	case "state":
		return word(given[0])
	case "ca_state":
		return word(given[1])
	case "retransmits", "probes", "backoff":
		return lab.Int(given[map[string]int{"retransmits": 2, "probes": 3, "backoff": 4}[part]]), nil
	case "options":
		var set []string
		for bit, name := range words {
			if given[5]&(1<<bit) != 0 {
				set = append(set, name)
			}
		}
		if set == nil {
			return lab.Word("none"), nil
		}
		return lab.Word(strings.Join(set, "+")), nil
	case "snd_wscale": // a bit field: the lower half on little-endian machines, the upper one on others
		return lab.Int(halves(given[6])[0]), nil
	case "rcv_wscale":
		return lab.Int(halves(given[6])[1]), nil
	}
	return nil, fmt.Errorf("no part %s", name)
}

// halves returns two fields of four bits in the order in which C declares them.
func halves(b byte) [2]byte {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return [2]byte{b & 15, b >> 4}
	}
	return [2]byte{b >> 4, b & 15}
}
