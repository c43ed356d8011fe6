package process

import (
	"bytes"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// options are the level and number of every lab.Options.
var options = map[string][2]int{
	"SO_REUSEADDR":            {unix.SOL_SOCKET, unix.SO_REUSEADDR},
	"SO_REUSEPORT":            {unix.SOL_SOCKET, unix.SO_REUSEPORT},
	"SO_LINGER":               {unix.SOL_SOCKET, unix.SO_LINGER},
	"SO_BINDTODEVICE":         {unix.SOL_SOCKET, unix.SO_BINDTODEVICE},
	"SO_KEEPALIVE":            {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
	"SO_BROADCAST":            {unix.SOL_SOCKET, unix.SO_BROADCAST},
	"SO_DONTROUTE":            {unix.SOL_SOCKET, unix.SO_DONTROUTE},
	"SO_ERROR":                {unix.SOL_SOCKET, unix.SO_ERROR},
	"SO_TYPE":                 {unix.SOL_SOCKET, unix.SO_TYPE},
	"SO_PROTOCOL":             {unix.SOL_SOCKET, unix.SO_PROTOCOL},
	"SO_DOMAIN":               {unix.SOL_SOCKET, unix.SO_DOMAIN},
	"SO_ACCEPTCONN":           {unix.SOL_SOCKET, unix.SO_ACCEPTCONN},
	"SO_RCVBUF":               {unix.SOL_SOCKET, unix.SO_RCVBUF},
	"SO_SNDBUF":               {unix.SOL_SOCKET, unix.SO_SNDBUF},
	"SO_MARK":                 {unix.SOL_SOCKET, unix.SO_MARK},
	"SO_PRIORITY":             {unix.SOL_SOCKET, unix.SO_PRIORITY},
	"IPV6_V6ONLY":             {unix.IPPROTO_IPV6, unix.IPV6_V6ONLY},
	"IP_FREEBIND":             {unix.IPPROTO_IP, unix.IP_FREEBIND},
	"IP_TRANSPARENT":          {unix.IPPROTO_IP, unix.IP_TRANSPARENT},
	"IP_BIND_ADDRESS_NO_PORT": {unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT},
	"IP_TTL":                  {unix.IPPROTO_IP, unix.IP_TTL},
	"TCP_NODELAY":             {unix.IPPROTO_TCP, unix.TCP_NODELAY},
	"TCP_DEFER_ACCEPT":        {unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT},
	"TCP_LINGER2":             {unix.IPPROTO_TCP, unix.TCP_LINGER2},
	"TCP_USER_TIMEOUT":        {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT},
}

func setsockopt(fd int, r request) reply {
	o, ok := lab.OptionOf(r.Word)
	if !ok {
		return reply{Broken: "no option " + r.Word}
	}
	level, number := options[r.Word][0], options[r.Word][1]
	switch o.Value {
	case lab.ValueLinger:
		return answer(unix.SetsockoptLinger(fd, level, number, &unix.Linger{Onoff: r.Linger.On, Linger: r.Linger.Seconds}))
	case lab.ValueDevice:
		return answer(unix.SetsockoptString(fd, level, number, string(r.Text)))
	}
	return answer(unix.SetsockoptInt(fd, level, number, int(r.Int)))
}

func getsockopt(fd int, name string) reply {
	o, ok := lab.OptionOf(name)
	if !ok {
		return reply{Broken: "no option " + name}
	}
	level, number := options[name][0], options[name][1]
	switch o.Value {
	case lab.ValueLinger:
		l, err := unix.GetsockoptLinger(fd, level, number)
		if err != nil {
			return answer(err)
		}
		return reply{Outcome: lab.OK, Linger: &lab.Linger{On: l.Onoff, Seconds: l.Linger}}
	case lab.ValueDevice:
		s, err := unix.GetsockoptString(fd, level, number)
		if err != nil {
			return answer(err)
		}
		b, _, _ := bytes.Cut([]byte(s), []byte{0})
		return reply{Outcome: lab.OK, Text: &b}
	}
	v, err := unix.GetsockoptInt(fd, level, number)
	if err != nil {
		return answer(err)
	}
	i := int64(v)
	return reply{Outcome: lab.OK, Int: &i}
}
