package process

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// option is how the kernel knows a socket option.
type option struct{ level, number int }

// options are the numbers of every lab.Options. A new option is a row here; how the kernel
// takes its value follows from its kind, see optionKinds.
var options = map[string]option{
	"SO_REUSEADDR":             {unix.SOL_SOCKET, unix.SO_REUSEADDR},
	"SO_REUSEPORT":             {unix.SOL_SOCKET, unix.SO_REUSEPORT},
	"SO_LINGER":                {unix.SOL_SOCKET, unix.SO_LINGER},
	"SO_BINDTODEVICE":          {unix.SOL_SOCKET, unix.SO_BINDTODEVICE},
	"SO_BINDTOIFINDEX":         {unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX},
	"SO_KEEPALIVE":             {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
	"SO_BROADCAST":             {unix.SOL_SOCKET, unix.SO_BROADCAST},
	"SO_DONTROUTE":             {unix.SOL_SOCKET, unix.SO_DONTROUTE},
	"SO_ERROR":                 {unix.SOL_SOCKET, unix.SO_ERROR},
	"SO_TYPE":                  {unix.SOL_SOCKET, unix.SO_TYPE},
	"SO_PROTOCOL":              {unix.SOL_SOCKET, unix.SO_PROTOCOL},
	"SO_DOMAIN":                {unix.SOL_SOCKET, unix.SO_DOMAIN},
	"SO_ACCEPTCONN":            {unix.SOL_SOCKET, unix.SO_ACCEPTCONN},
	"SO_RCVBUF":                {unix.SOL_SOCKET, unix.SO_RCVBUF},
	"SO_SNDBUF":                {unix.SOL_SOCKET, unix.SO_SNDBUF},
	"SO_MARK":                  {unix.SOL_SOCKET, unix.SO_MARK},
	"SO_PRIORITY":              {unix.SOL_SOCKET, unix.SO_PRIORITY},
	"SO_INCOMING_CPU":          {unix.SOL_SOCKET, unix.SO_INCOMING_CPU},
	"SO_ATTACH_REUSEPORT_CBPF": {unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF},
	"SO_ATTACH_REUSEPORT_EBPF": {unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_EBPF},
	"SO_DETACH_REUSEPORT_BPF":  {unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF},
	"SO_OOBINLINE":             {unix.SOL_SOCKET, unix.SO_OOBINLINE},
	"SO_RCVLOWAT":              {unix.SOL_SOCKET, unix.SO_RCVLOWAT},
	"IP_FREEBIND":              {unix.IPPROTO_IP, unix.IP_FREEBIND},
	"IP_TRANSPARENT":           {unix.IPPROTO_IP, unix.IP_TRANSPARENT},
	"IP_BIND_ADDRESS_NO_PORT":  {unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT},
	"IP_LOCAL_PORT_RANGE":      {unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE},
	"IP_TTL":                   {unix.IPPROTO_IP, unix.IP_TTL},
	"IP_TOS":                   {unix.IPPROTO_IP, unix.IP_TOS},
	"IP_RECVERR":               {unix.IPPROTO_IP, unix.IP_RECVERR},
	"IP_MTU_DISCOVER":          {unix.IPPROTO_IP, unix.IP_MTU_DISCOVER},
	"IP_UNICAST_IF":            {unix.IPPROTO_IP, unix.IP_UNICAST_IF},
	"IP_MULTICAST_IF":          {unix.IPPROTO_IP, unix.IP_MULTICAST_IF},
	"IP_MULTICAST_LOOP":        {unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP},
	"IP_MULTICAST_TTL":         {unix.IPPROTO_IP, unix.IP_MULTICAST_TTL},
	"IP_MULTICAST_ALL":         {unix.IPPROTO_IP, unix.IP_MULTICAST_ALL},
	"IP_ADD_MEMBERSHIP":        {unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP},
	"IP_DROP_MEMBERSHIP":       {unix.IPPROTO_IP, unix.IP_DROP_MEMBERSHIP},
	"IPV6_V6ONLY":              {unix.IPPROTO_IPV6, unix.IPV6_V6ONLY},
	"IPV6_FREEBIND":            {unix.IPPROTO_IPV6, unix.IPV6_FREEBIND},
	"IPV6_TRANSPARENT":         {unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT},
	"IPV6_UNICAST_IF":          {unix.IPPROTO_IPV6, unix.IPV6_UNICAST_IF},
	"IPV6_MULTICAST_IF":        {unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF},
	"IPV6_MULTICAST_LOOP":      {unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP},
	"IPV6_MULTICAST_HOPS":      {unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS},
	"IPV6_MULTICAST_ALL":       {unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL},
	"IPV6_ADD_MEMBERSHIP":      {unix.IPPROTO_IPV6, unix.IPV6_ADD_MEMBERSHIP},
	"IPV6_DROP_MEMBERSHIP":     {unix.IPPROTO_IPV6, unix.IPV6_DROP_MEMBERSHIP},
	"IPV6_ADDRFORM":            {unix.IPPROTO_IPV6, unix.IPV6_ADDRFORM},
	"TCP_NODELAY":              {unix.IPPROTO_TCP, unix.TCP_NODELAY},
	"TCP_DEFER_ACCEPT":         {unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT},
	"TCP_LINGER2":              {unix.IPPROTO_TCP, unix.TCP_LINGER2},
	"TCP_USER_TIMEOUT":         {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT},
	"TCP_FASTOPEN":             {unix.IPPROTO_TCP, unix.TCP_FASTOPEN},
	"TCP_FASTOPEN_CONNECT":     {unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT},
	"TCP_MAXSEG":               {unix.IPPROTO_TCP, unix.TCP_MAXSEG},
	"TCP_CORK":                 {unix.IPPROTO_TCP, unix.TCP_CORK},
	"TCP_QUICKACK":             {unix.IPPROTO_TCP, unix.TCP_QUICKACK},
	"TCP_SYNCNT":               {unix.IPPROTO_TCP, unix.TCP_SYNCNT},
	"TCP_REPAIR":               {unix.IPPROTO_TCP, unix.TCP_REPAIR},
	"TCP_SAVE_SYN":             {unix.IPPROTO_TCP, unix.TCP_SAVE_SYN},
	"SO_PASSPIDFD":             {unix.SOL_SOCKET, unix.SO_PASSPIDFD},
	"IP_RECVORIGDSTADDR":       {unix.IPPROTO_IP, unix.IP_RECVORIGDSTADDR},
	"IPV6_RECVORIGDSTADDR":     {unix.IPPROTO_IPV6, unix.IPV6_RECVORIGDSTADDR},
	"SO_PASSCRED":              {unix.SOL_SOCKET, unix.SO_PASSCRED},
	"SO_TIMESTAMP":             {unix.SOL_SOCKET, unix.SO_TIMESTAMP},
	"SO_TIMESTAMPNS":           {unix.SOL_SOCKET, unix.SO_TIMESTAMPNS},
	"SO_RCVMARK":               {unix.SOL_SOCKET, unix.SO_RCVMARK},
	"IP_PKTINFO":               {unix.IPPROTO_IP, unix.IP_PKTINFO},
	"IP_RECVTTL":               {unix.IPPROTO_IP, unix.IP_RECVTTL},
	"IP_RECVTOS":               {unix.IPPROTO_IP, unix.IP_RECVTOS},
	"IPV6_RECVPKTINFO":         {unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO},
	"IPV6_RECVHOPLIMIT":        {unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT},
	"IPV6_RECVTCLASS":          {unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS},
	"IPV6_RECVERR":             {unix.IPPROTO_IPV6, unix.IPV6_RECVERR},
	"UDP_SEGMENT":              {unix.SOL_UDP, unix.UDP_SEGMENT},
	"UDP_GRO":                  {unix.SOL_UDP, unix.UDP_GRO},
}

// setOption is setsockopt(2).
func setOption(fd int, o option, value unsafe.Pointer, size uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(o.level), uintptr(o.number), uintptr(value),
		size, 0)
	return errno
}
