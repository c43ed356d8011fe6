// Package child starts this program again as a child: what a process of a lab and the
// init of a program's namespaces have in common.
//
// Parent and child are joined by a SOCK_SEQPACKET pair. The child ends when the other end
// is closed, for whatever reason, so that it needs no killing when labrun itself was
// killed. Its end is ControlFD.
package child
