// Package fabric makes a plan real: it builds the namespaces of a lab and runs
// code in them. It is the only package that talks to the kernel about links
// and the only one that needs privilege. It works on Linux alone.
//
// Three rules keep the machine safe. Namespaces have no names, they are held
// by descriptors that no child inherits, so the lab is gone when its holder is,
// however it ends. A thread that changed namespace is never used for anything
// else: it ends with the function that it was made for. And every link is made
// through a socket that was opened inside the lab, so none is ever in the
// caller's namespace.
package fabric
