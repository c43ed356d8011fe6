// Package process is the processes of a lab: real operating-system processes
// that live in a host's network namespace, own sockets, carry out one call at
// a time and answer with errnos.
//
// A process is this very program started again (Main), joined to its keeper by
// one end of a SOCK_SEQPACKET pair. When the other end closes, for whatever
// reason, it ends: labrun need not live to kill it. A forked process is a real child of
// its parent, which passes its sockets on; its keeper is the same. So is that of
// a process that called exec: the same program again, in the same process.
//
// The kernel is asked what the file says: addresses go to it as bytes, with
// wrong lengths and families where a file wants them, and a socket that is
// closed is used as descriptor -1. Sockets are blocking ones, as in the simplest
// C program, unless the file says otherwise; a call that would wait past its
// limit is ended by SO_RCVTIMEO or SO_SNDTIMEO.
//
// All calls of a process are made on its main thread, so that it may change its
// user as a program with one thread does. Every descriptor is close-on-exec;
// which of them exec closes, an experiment decides by flags of its own.
//
// A call is a row of calls. The parts of the package lie above each other: main reads requests,
// calls finds the row, the files of each kind of call make it with what lasts in the process
// (agent), and wire says what goes between keeper and process.
package process
