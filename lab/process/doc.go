// Package process is the processes of a lab: real operating-system processes
// that live in a host's network namespace, own sockets, carry out one call at
// a time and answer with errnos.
//
// A process is this very program started again (Main), joined to its keeper by
// one end of a SOCK_SEQPACKET pair. When the other end closes, for whatever
// reason, it ends: nobody has to kill it. A forked process is a real child of
// its parent, which passes its sockets on; its keeper is the same.
//
// Sockets are non-blocking, and a call that would block waits in poll(2) until
// its limit has passed. A connect is called again once poll says that it has
// ended, which runs the rest of the path that a blocking connect takes in
// __inet_stream_connect.
package process
