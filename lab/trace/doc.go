// Package trace turns the calls that programs made into an experiment: what a recording saw, or what a log says. It is
// the middle between those who find calls out, lab/record and the packages of lab/imports, and package draft, which
// writes what comes out; pure.
//
// An Event is a call in strace's notation, which all of them share. Import follows the events as the kernel would:
// which process has which descriptor, through fork, dup and exec; it gives processes, sockets, addresses and ports the
// names that steps have, and leaves out, with a reason for each, what a step cannot say.
//
// # The order
//
// Calls of several threads overlap, and steps follow one another. A call that only has an effect, such as listen or
// close, stands where it began; one that waits for something, such as accept, or that failed because of something, or
// that made a descriptor, stands where it ended. So every call follows what it was the answer to: a cause begins
// before its effect ends.
package trace
