// Package record runs a program and writes down the calls about sockets that it makes, as events of package trace.
//
// # Why ptrace
//
// A seccomp user notification stops a call before it is made, and does not say what it answered; to know that, the
// supervisor would have to make the call itself, on a descriptor that it took over, and hand the answer back: another
// call than the program's. It would also read arguments that another thread may still change. ptrace(2) stops a thread
// before and behind a call that the kernel makes as ever, in every kernel since 5.3 (PTRACE_GET_SYSCALL_INFO). It
// needs no privilege over one's own children, in a user namespace neither, and follows forks and threads before they
// run (PTRACE_O_TRACEFORK, VFORK, CLONE). What it costs is two stops a call; a filter of seccomp(2) chooses those
// calls (SECCOMP_RET_TRACE), so that all others run at full speed. Arguments are read at the first stop: one that
// another thread changes before the kernel copies it is written down as it was then.
//
// # How
//
// The tracer is this program started again below the init of the program's PID namespace, where it has the user's
// terminal and nothing of the lab (Command, Main). It starts a second one, which installs the filter and becomes the
// program. When the tracer ends, however it ends, the kernel kills what it traces (PTRACE_O_EXITKILL).
//
// Calls of io_uring(7) and of programs of another architecture, such as 32-bit ones, are not seen. That there are some is
// noted as an event.
package record
