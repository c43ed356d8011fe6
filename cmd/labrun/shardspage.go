package main

// shardsPage is "labrun help shards". Its commands run as they stand: a test types them.
func shardsPage(p *page) {
	p.text("A run that is too much for one machine is cut into shards. Each has a share of the cells, and " +
		"writes it as a part; labrun merge puts the parts together, and the report is that of a run of all " +
		"cells but for its environment.")
	p.code(`labrun FILE... --shard 3/8 -o part-3.json
labrun merge part-*.json -o report.json
`)
	p.heading("The shares are the same on every machine, and take about equally long: by the hosts, " +
		"processes and programs of the experiments, and how long they sleep or wait. Each machine needs " +
		"the same files, flags and labrun, and the same kernel where it is the machine's own.")
	p.heading("SHARE is:")
	p.entry("I/N", "share I of N, from 1")
	p.entry("auto", "the share that a job engine tells: Slurm by SLURM_ARRAY_TASK_ID and _COUNT (with _MIN "+
		"and _STEP), Kubernetes by JOB_COMPLETION_INDEX and LABRUN_SHARDS, which says how many there are, "+
		"GitLab by CI_NODE_INDEX and CI_NODE_TOTAL, Buildkite by BUILDKITE_PARALLEL_JOB and _COUNT, "+
		"CircleCI by CIRCLE_NODE_INDEX and _TOTAL; standard error says which")
	p.entry("by=kernel,SHARE", "whole kernels of those that --kernel names, in place of some cells of all: "+
		"each kernel boots once; by=kernel alone is by=kernel,auto")
	p.heading("A part is written while it runs, after a second, then more and more seldom. So a machine " +
		"that dies, a kill or ^C leaves what it has, and another run goes on from there. With --repeat " +
		"the part has nothing before the last of the runs: one that is cut short before that begins anew, and more " +
		"shards lose less.")
	p.entry("labrun resume PART", "runs what a part lacks, and what could not be asked. It takes files and "+
		"flags from the part, on a machine with the same kernel and parameters")
	p.entry("--resume", "for job scripts, which may be started again: goes on with the part that -o "+
		"FILE.json names, runs all where there is no such file, and nothing where it is whole")
	p.heading("On one machine, by a loop, and by GNU parallel, which runs again what failed (status 1 is a " +
		"cell that failed, which the report tells):")
	p.code(`for i in 1 2 3; do labrun dual-nic --shard $i/3 -q -o part-$i.json; done
parallel --joblog log --retries 2 \
    labrun dual-nic --shard {}/3 --resume -q -o part-{}.json ::: 1 2 3
labrun merge part-*.json -o report.json
`)
	p.heading("Where there is a cluster, labrun submit writes its job, with the merge behind: for Slurm, Kubernetes or GitHub.")
	p.heading("--fail-fast, --failed, --baseline, --accept and --watch are about all cells of a run, and " +
		"do not go with --shard.")
}
