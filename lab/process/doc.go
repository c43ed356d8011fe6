// Package process is the processes of a lab: real operating-system processes
// that live in a host's network namespace, own sockets, carry out one call at
// a time and answer with errnos.
//
// A process is this very program started again (Main), joined to its keeper by
// one end of a SOCK_SEQPACKET pair. When the other end closes, for whatever
// reason, it ends: nobody has to kill it. A forked process is a real child of
// its parent, which passes its sockets on; its keeper is the same.
//
// Sockets are blocking ones, as in the simplest C program; a call that would
// wait past its limit is ended by SO_RCVTIMEO or SO_SNDTIMEO.
package process
