// Package lab is the vocabulary of labrun: topologies, experiments, calls,
// answers. It imports the standard library only and does nothing by
// itself; everything else imports it.
//
// # The chain
//
//	YAML --topology.Load--> Topology --question.Of--> Question --kernel.Kernel--> Answer
//	     --run.Run--> Matrix --report--> text, JSON, HTML ...
//
// Every arrow hands on a plain value that prints itself. "labrun check" stops
// after the first, "labrun plan --questions" after the second. A Question is the cells
// of an experiment in one host with every name resolved. The Plan in it says how their
// lab is built: "labrun plan" prints one as a script of ip(8) commands that really
// builds it. A Kernel is whatever answers questions:
//
//	kernel/local: Plan --fabric.Up--> Lab --process.Start--> Process --Call--> Answer
//	kernel/guest: Image --Start--> guest, in which remote.Serve hands questions to its kernel/local
//
//	topologies     the lessons, as files in the program
//	cmd/labrun     flags, exit statuses, one small file per subcommand
//	lab            the vocabulary
//	lab/wording    what complaints are made of: quotes, counts, the name that was meant
//	lab/syntax     text to Call and Want, and back; pure
//	lab/yamlpos    YAML with the place of every node, and complaints with a caret; knows no steps
//	lab/world      what processes have after each step, and which sockets overlap; pure
//	lab/topology   files to Topology; every complaint has file:line:column
//	lab/session    calls that a person types to a topology, and with their answers to a file; pure
//	lab/draft      values to the text of a topology file: what was recorded, imported or tried; pure
//	lab/trace      calls that programs made, to the steps of a topology; pure
//	lab/record     a program that runs, to those calls: traced by ptrace
//	lab/imports    logs and scripts of other tools, each to those calls; pure
//	lab/plan       Topology to an ordered list of operations; pure
//	lab/once       remembers what need not be found out twice
//	lab/orphan     ends the connections that would outlive a host
//	lab/fabric     Plan to live namespaces; alone uses netlink and netns
//	lab/sys        what this machine's kernel says, and its numbers: each fact once
//	lab/child      starts this program again: what process and program have in common
//	lab/process    the processes of a lab: calls in, errnos out
//	lab/program    the programs of a lab, each in its view of the machine
//	lab/capture    what hosts sent, as files that Wireshark reads
//	lab/question   an experiment in a host with every name resolved, as JSON and back; pure
//	lab/kernel     what answers questions, and
//	  local        this machine's: builds, asks, looks for evidence
//	  remote       one at the other end of a stream: requests there, answers back
//	  image        what can be booted: files, packages, what apt has, and the user's cache
//	  guest        boots one, in QEMU, as User-mode Linux or gVisor; its init is this program
//	lab/result     what was asked and answered: matrices, their counts, digest and claims; adds up, in memory or not; pure
//	lab/why        why a kernel answered so: a moment of the world, and the condition that it met; pure
//	lab/shard      which share of a run is whose, by flags and job engines; pure
//	lab/run        questions to a kernel, in order; answers to a matrix
//	lab/accept     answers back into the files that asked, as edits of their text; pure
//	lab/compare    two reports to what differs, and kernels to where an answer changed; pure
//	lab/report     matrices to text, JSON and other formats; prints, computes nothing; merges what does not fit into memory
//	lab/graph      hosts and networks as a drawing; pure
//	lab/submit     a run in shards as the job of an engine: Slurm, Kubernetes, GitHub; pure
//	lab/labtest    all of it for go test: a cell is a subtest
//
// # The rules
//
// The vocabulary is pure, and imports point one way along the chain
// (deps_test.go holds them to it).
//
// The kernel alone is privileged, and fabric alone talks to it about links. It
// makes namespaces without names, held by descriptors that no other program
// inherits: when labrun ends, however it ends, the kernel takes the lab away.
// There is nothing to clean up, so nothing cleans up, with one exception: connections
// that wait for a peer which does not answer are ended, see package orphan.
//
// A thread that has changed namespace is thrown away: locked to its goroutine,
// never unlocked. The main thread never changes. Code cannot end up in the
// caller's namespace, not even when something failed half-way.
//
// The hosts of a lab have namespaces of their own for their networks and one for
// their files: a mount namespace whose root has /tmp and /run and nothing of the
// machine's (program.Files), made where a step names a path or runs a program.
// Programs of a guest are the machine's, whose files labrun serves to it; its kernel lays what they write over these.
//
// # Included files
//
// A topology may take experiments from other files. It is one Topology all the same:
// a Pos, and a Row in a report, says which file it is of where that is not the
// topology's own. A Topology and a Matrix hold the texts of all, so that a report can
// be run again without a file.
//
// # Axes
//
// An experiment is Slots, items of its steps. With axes, a slot holds the
// different things that it may be, each once, and says which of them it is in
// a combination; StepsOf puts the steps of one together. All of that is found out
// when the file is read, so a Combo is a number, half a million of them are two
// megabytes, and a Cell says nothing that its Row says already.
//
// # Where a change goes
//
// A new system call is a row in Signatures and one in process, or in kernel/local where
// labrun makes it; a new socket option is a row in Options and one in process; either has an
// example in a lesson or a script (cmd/labrun's TestVocabulary); a new kind of value is a case
// in syntax (kinds.go, and pattern.go for the schema) and a row of process's kinds, or of its
// optionKinds where only options have it; a new control message is a row in Controls and one
// of process's controlKinds; a new operation on links is an Op in plan
// and a case in fabric; a new report format is a file in report and a line in its Formats; a change
// of Linux that explains an answer is a row of result's knownChanges; a condition of the kernel that explains an
// answer is a row of why's rules, with a lesson that shows it and a world that contradicts it; a machine that guests
// are emulated on is a row of guest's machines, and a place that kernels come from a case in image.
//
// # What makes a report the same on every run
//
// A cell sees nothing of another one: it gets its lab and its processes new, or from another
// cell once the kernel's own counts and lists say that nothing is left in them
// (fabric.Lab.Clear, process.Pool). Automatic addresses follow from the file alone. Ports that an experiment names are
// kept out of the kernel's automatic choice (plan.For), so no ephemeral port ever
// meets one. Hosts take nothing over from the machine (plan.Stock). A port that the
// kernel did choose is printed as its $name or as "ephemeral". A cell where segments
// came so late that they may have ended a TIME_WAIT is asked again (fabric.Busy).
// In a guest of QEMU's the clock counts instructions, so that no limit passes sooner
// on a busy machine; another guest has as much more time for an answer as it is slower (kernel.Request.Slow).
// What still differs between runs stands in Environment, and DigestOf leaves it out.
package lab
