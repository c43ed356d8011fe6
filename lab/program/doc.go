// Package program runs the programs that a lab has beside its processes, each below an
// init of its own PID namespace: this program started again (Main), joined to labrun by a
// pair of package child. When labrun ends, however it ends, the init ends, and with it all
// that the program has started.
//
// A program of an experiment (Spec) is a stranger's, and not trusted: it runs in a view
// of the machine that is thrown away with it. A Shell belongs to a user who may as well
// use another terminal: it has the machine as it is. Files are /tmp and /run of a lab,
// which its programs share with its processes.
package program
