// Package why says in a sentence why a kernel answered a call as it did: which sockets of that moment met which
// condition of the kernel, with the kernel's function, the manual page and a lesson that shows it.
//
// The moment comes from package world, which replays a cell's steps with the answers that the kernel gave. A rule is
// a row of a table: an errno, the calls that answer it, and a predicate over that moment which returns the sentence.
// The first row whose predicate holds is the reason. Where none holds there is no reason: a wrong one would be worse,
// so a predicate asks for all that its sentence says, and a socket whose state does not follow from the answers
// explains nothing.
//
// Where the kernel's own list of sockets was looked at, it has the last word: a socket that a sentence names has to
// be in it. A program's sockets are in that list alone, so it is asked where the steps explain nothing.
package why
