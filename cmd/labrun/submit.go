package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/run"
	"labrun/lab/shard"
	"labrun/lab/submit"
)

// submitOptions are the flags that the jobs of all engines have.
type submitOptions struct {
	ask     askOptions // which cells, on which kernels: passed on as they were given
	job     submit.Job
	shard   string
	output  string
	goes    bool
	forward *pflag.FlagSet // those of ask that a job takes

	topologies []*lab.Topology // found by check
}

// submitCommand makes "labrun submit".
func submitCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "submit ENGINE FILE...",
		Short: "write the job of an engine that runs shards on many machines, and submit it",
		Long: `submit writes the job of an engine that you have: labrun in shards, each on whatever
machine the engine picks, and a merge of their parts. Shards and parts are those of
"labrun FILE... --shard I/N" and "labrun merge"; red cells stop neither.

    labrun submit slurm dual-nic >job.sh && sh job.sh
    labrun submit slurm dual-nic --go -- --partition=short

What runs is "labrun FILE..." with the flags that choose cells and kernels. Files, and
the folder of parts, are named as they are here: tasks find them there.`,
		Args:                  cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true,
		RunE: func(_ *cobra.Command, words []string) error {
			engines := []string{"slurm", "kubernetes", "github"}
			if len(words) == 0 {
				return usagef("labrun submit takes the name of an engine: %s; type %q for help", list(engines),
					"labrun submit --help")
			}
			return usagef("labrun submit %s: no such engine%s there are %s", words[0], meant(words[0], engines), list(engines))
		},
	}
	cmd.AddCommand(submitSlurm(), submitKubernetes(), submitGitHub())
	return cmd
}

// flags adds those of all engines.
func (o *submitOptions) flags(f *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.ask.flags(all)
	o.forward = pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, name := range []string{"only", "host", "kernel", "kernels-from", "accel", "guest-labrun", "jobs", "repeat"} {
		o.forward.AddFlag(all.Lookup(name))
	}
	f.AddFlagSet(o.forward)
	f.IntVar(&o.job.Shards, "shards", 0,
		"make `N` shards (default as many as last some ten seconds each, by the costs of their cells; of kernels one each)")
	f.StringVar(&o.shard, "shard", "", "`by=kernel` has each shard ask some of the kernels, in place of some of the cells")
	f.StringArrayVar(&o.job.Reports, "report", nil,
		"have the merge write `FILE`, in the format that its suffix tells (default report.json, beside the parts); as often "+
			"as you like")
	f.StringVarP(&o.output, "output", "o", "-", "write the job to `FILE`; - is standard output")
}

// check reads the files, so that their mistakes are found here and not in every task, and completes the job.
func (o *submitOptions) check(cmd *cobra.Command, paths []string) error {
	if len(paths) == 0 {
		return usagef("%s takes one or more FILEs, FOLDERs or lessons; type %q for help", cmd.CommandPath(),
			cmd.CommandPath()+" --help")
	}
	if slices.Contains(paths, "-") {
		return usagef("-: tasks have no standard input to share; write it to a file")
	}
	files, err := topologyFiles(cmd.ErrOrStderr(), paths)
	if err != nil {
		return err
	}
	topologies, err := load(cmd, files)
	if err != nil {
		return err
	}
	if err := o.ask.check(topologies); err != nil {
		return err
	}
	switch o.shard {
	case "":
	case "by=kernel":
		o.job.By = "kernel"
		if names, err := o.ask.namedKernels(); err != nil || len(names) == 0 {
			return cmp.Or(err, usagef("--shard by=kernel: name the kernels with --kernel; those that files name are asked of "+
				"other files each"))
		}
	default:
		return usagef("--shard %s: by=kernel is expected; the engine numbers the shards, and --shards says how many "+
			"there are", o.shard)
	}
	if err := o.countShards(cmd, topologies); err != nil {
		return err
	}
	for _, file := range o.job.Reports {
		if _, ok := report.FormatOf(file); !ok {
			return usagef("--report %s: the suffix tells the format; %s", file, theSuffixes(report.Formats))
		}
	}
	if err := spare(o.output, filesOf(topologies)...); err != nil {
		return usageError{err}
	}
	o.job.Files = files
	// Lists of kernels, and what the cache has, are this machine's: tasks get the names, so that all ask the same.
	names, err := o.ask.namedKernels()
	if err != nil {
		return err
	}
	for _, name := range names {
		o.job.Flags = append(o.job.Flags, "--kernel="+name)
	}
	if len(o.job.Reports) == 0 {
		o.job.Reports = []string{filepath.Join(o.job.Dir, "report.json")}
	}
	o.topologies = topologies
	o.forward.VisitAll(func(f *pflag.Flag) {
		if !f.Changed || f.Name == "kernel" || f.Name == "kernels-from" {
			return
		}
		values := []string{f.Value.String()}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, v := range values {
			o.job.Flags = append(o.job.Flags, "--"+f.Name+"="+v)
		}
	})
	return nil
}

// countShards checks how many shards there are, or finds how many are worth it.
func (o *submitOptions) countShards(cmd *cobra.Command, topologies []*lab.Topology) error {
	kernels := max(1, len(o.ask.asked))
	if cmd.Flags().Changed("shards") {
		switch {
		case o.job.Shards < 1:
			return usagef("--shards %d: a number of shards, at least 1", o.job.Shards)
		case o.job.By != "" && o.job.Shards > kernels:
			return usagef("--shards %d: with --shard by=kernel at most one for each of %d kernels", o.job.Shards, kernels)
		}
		if _, _, err := shard.Parse(fmt.Sprintf("1/%d", o.job.Shards), nil); err != nil { // no task could be told its share
			return usagef("--shards %d: %w", o.job.Shards, err)
		}
		return nil
	}
	if o.job.Shards = kernels; o.job.By != "" {
		return nil
	}
	cost, err := run.Cost(topologies, run.Options{Only: o.ask.selects(), Hosts: o.ask.hosts})
	o.job.Shards = submit.ShardsFor(cost * time.Duration(kernels*o.ask.repeat))
	return err
}

// thisProgram returns how a task starts this labrun: by its name where that finds it, else by its place.
func thisProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("which program is this: %w", err)
	}
	const name = "labrun"
	found, err := exec.LookPath(name)
	if err != nil {
		return self, nil
	}
	a, errA := os.Stat(found)
	b, errB := os.Stat(self)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return name, nil
	}
	return self, nil
}

// submitSlurm makes "labrun submit slurm".
func submitSlurm() *cobra.Command {
	var o submitOptions
	cmd := &cobra.Command{
		Use:   "slurm FILE... [-- FLAG...]",
		Short: "a script for sbatch: an array of tasks, and the merge after it",
		Long: `slurm writes a script for sh. It submits an array, of which each task runs a shard, and
a job that merges the parts when all tasks have ended (--dependency=afterany). The FLAGs
behind -- are sbatch's own, for both.

    labrun submit slurm topologies --shards 8 >job.sh
    sh job.sh --partition=short --time=10

    labrun submit slurm topologies --report=page.html --go -- --partition=short

Run it in a folder that the nodes share. A task that is requeued, and a script that is
run again, go on where parts were cut short. Five tasks start in a second, so a shard
should last some. The exit status of the merge is that of the run: 0 all passed, 1 some
failed, 2 parts are missing, 3 some could not be asked.`,
		RunE: func(cmd *cobra.Command, words []string) error {
			var options []string
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				words, options = words[:at], words[at:]
			}
			if err := o.check(cmd, words); err != nil {
				return err
			}
			var err error
			if o.job.Labrun == "" {
				if o.job.Labrun, err = thisProgram(); err != nil {
					return err
				}
			}
			job := submit.Slurm{Job: o.job, Options: options, Jobs: o.forward.Changed("jobs")}
			return o.submit(cmd, job.Write, handing{"sbatch", "-o job.sh", []string{"sh", "-s"}, "sinfo"})
		},
	}
	cmd.SetFlagErrorFunc(sbatchFlag)
	o.flags(cmd.Flags())
	o.dirFlag(cmd.Flags())
	o.goFlag(cmd.Flags())
	cmd.Flags().StringVar(&o.job.Labrun, "labrun", "", "the `PROGRAM` that tasks start (default this one)")
	return cmd
}

// sbatchFlag says of a flag that labrun does not have where it would stand if sbatch has it.
func sbatchFlag(cmd *cobra.Command, err error) error {
	wrong := mistakenFlag(cmd, err)
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		flag := "--" + unknown.GetSpecifiedName()
		if letters := unknown.GetSpecifiedShortnames(); letters != "" {
			flag = "-" + letters
		}
		wrong = fmt.Errorf("%w; a flag of sbatch's stands behind --: %s FILE... -- %s", wrong, cmd.CommandPath(), flag)
	}
	return usagef("%w\ntype %q for help", wrong, cmd.CommandPath()+" --help")
}

// dirFlag is for engines whose jobs share a folder of this machine's.
func (o *submitOptions) dirFlag(f *pflag.FlagSet) {
	f.StringVar(&o.job.Dir, "dir", "labrun-parts", "keep parts and logs in the folder `DIR`, which all tasks share")
}

func (o *submitOptions) goFlag(f *pflag.FlagSet) {
	f.BoolVar(&o.goes, "go", false, "submit the job, whose text goes to -o FILE alone")
}

// submitKubernetes makes "labrun submit kubernetes".
func submitKubernetes() *cobra.Command {
	var o submitOptions
	var k submit.Kubernetes
	cmd := &cobra.Command{
		Use:   "kubernetes FILE...",
		Short: "a manifest with an Indexed Job, and a Job that merges the parts",
		Long: `kubernetes writes a manifest: an Indexed Job, of which each pod runs a shard, a suspended
Job that merges the parts, and a ConfigMap with the files, which have to be below the
current folder. Its first lines, which --go prints, say what to type when the former has
ended.

    labrun submit kubernetes dual-nic --image r/labrun --claim parts >job.yaml
    kubectl apply -f job.yaml

Parts and reports are kept on the volume of a PersistentVolumeClaim. Pods are an ordinary
user's, without capabilities, in user namespaces of their own: that takes Kubernetes 1.33,
containerd 2 or CRI-O, Linux 6.3, and a volume with idmapped mounts, which NFS has not;
--capabilities writes what works without. Where Pod Security is enforced, the namespace has
to be privileged. Nodes need the same kernel, where that of the nodes is asked: else the
merge tells. .ci/image of labrun's repository makes an image; programs of topologies and
what guests need have to be added to it.`,
		RunE: func(cmd *cobra.Command, files []string) error {
			for _, name := range []string{"image", "claim"} {
				if cmd.Flags().Lookup(name).Value.String() == "" {
					return usagef("labrun submit kubernetes needs --%s; type %q for help", name,
						"labrun submit kubernetes --help")
				}
			}
			if o.forward.Changed("jobs") {
				return usagef("--jobs: a pod keeps as many processors busy as it asks for: --cpu N")
			}
			if err := o.check(cmd, files); err != nil {
				return err
			}
			k.Job = o.job
			k.Texts = submit.TextsOf(slices.DeleteFunc(o.topologies, func(t *lab.Topology) bool {
				_, err := os.Lstat(t.File)
				return err != nil // a lesson, which is in the program
			}))
			to := handing{"kubectl", "-o job.yaml", []string{"kubectl", "apply", "-f", "-"}, "kubectl cluster-info"}
			if err := o.submit(cmd, k.Write, to); err != nil || !o.goes {
				return err
			}
			// The head of the manifest says it too, and with --go it was not shown.
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "\nWhen the shards have ended, this merges their parts:\n\n    %s\n\n"+
				"Reports are on the volume then, and this copies them, by a pod of any image that has tar:\n\n    %s\n",
				strings.Join(k.Next(), "\n    "), strings.Join(k.Fetch(), "\n    "))
			return err
		},
	}
	o.flags(cmd.Flags())
	o.goFlag(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&k.Name, "name", "labrun", "call the jobs and parts `NAME`")
	f.StringVar(&k.Image, "image", "", "run the container image `IMAGE`, which has labrun")
	f.StringVar(&k.Claim, "claim", "", "keep parts on the volume of the PersistentVolumeClaim `NAME`, which all nodes can write to")
	f.IntVar(&k.Processors, "cpu", 1, "have each pod ask for `N` processors")
	f.StringVar(&k.Memory, "memory", "512Mi", "have each pod ask for `SIZE` of memory, and get no more")
	f.BoolVar(&k.Capabilities, "capabilities", false, "run as root with capabilities, where the cluster has no user namespaces for pods")
	o.job.Labrun = "labrun"
	return cmd
}

// submitGitHub makes "labrun submit github".
func submitGitHub() *cobra.Command {
	var o submitOptions
	var g submit.GitHub
	cmd := &cobra.Command{
		Use:   "github FILE...",
		Short: "a workflow with a job for each shard, and one that merges the parts",
		Long: `github writes a workflow: a matrix, of which each job runs a shard and keeps its part as
an artifact, and a job that merges the parts into a report, which is one too. It is
red where a cell is.

    labrun submit github topologies --shards 4 -o .github/workflows/labrun.yml \
        --install 'curl -fsSLO URL/labrun-v0.2.0-amd64.deb &&
            echo "SHA256  labrun-v0.2.0-amd64.deb" | sha256sum -c &&
            sudo dpkg -i labrun-v0.2.0-amd64.deb'

--install is the command by which a runner gets labrun: from a release, as above, with
the checksum that its SHA256SUMS has, or in labrun's own repository

    CGO_ENABLED=0 go build -o "$RUNNER_TEMP/bin/" ./cmd/labrun &&
        echo "$RUNNER_TEMP/bin" >>"$GITHUB_PATH"`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if g.Install == "" { // labrun is in no registry, so no command would do everywhere
				return usagef("labrun submit github needs --install, the command by which a runner gets labrun, such as "+
					"'curl -fsSLO URL/labrun-v0.2.0-amd64.deb && sudo dpkg -i labrun-v0.2.0-amd64.deb'; type %q for help",
					"labrun submit github --help")
			}
			if err := o.check(cmd, files); err != nil {
				return err
			}
			g.Job = o.job
			return o.submit(cmd, g.Write, handing{})
		},
	}
	o.flags(cmd.Flags())
	o.dirFlag(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&g.Name, "name", "labrun", "call the workflow `NAME`")
	f.StringVar(&g.Install, "install", "", "have runners get labrun by `COMMAND`, for sh")
	o.job.Labrun = "labrun"
	return cmd
}

// handing is how --go hands a job to an engine.
type handing struct {
	client  string   // the engine's program
	keep    string   // the flags that write the job in place of it
	command []string // gets the job on standard input: the client, or what starts it
	check   string   // tells whether there is a cluster
}

// submit writes the job where it is wanted, and with --go hands it over.
func (o *submitOptions) submit(cmd *cobra.Command, write func(io.Writer) error, to handing) error {
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return usageError{err}
	}
	if o.goes {
		if _, err := exec.LookPath(to.client); err != nil {
			return fmt.Errorf("--go: %s would submit the job: %w: run this where you submit jobs, or write the job with %s and "+
				"take it there", to.client, err, to.keep)
		}
	}
	switch {
	case o.output != "-":
		if err := writeFile(o.output, text.Bytes()); err != nil {
			return usagef("-o %s: %w", o.output, reasonOf(err))
		}
	case !o.goes:
		_, err := cmd.OutOrStdout().Write(text.Bytes())
		return err
	}
	if !o.goes {
		return nil
	}
	c := exec.Command(to.command[0], to.command[1:]...)
	c.Stdin, c.Stdout, c.Stderr = &text, cmd.OutOrStdout(), cmd.ErrOrStderr()
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) { // the client has said why, in words of its own
		complain(cmd.ErrOrStderr(), fmt.Errorf("--go: %s was to submit the job, and %s ended with %s; %q tells whether there is "+
			"a cluster here, and %s in place of --go writes the job, to read or to submit elsewhere", to.client,
			lab.Command(to.command...), exit, to.check, to.keep))
		return exitStatus(exitError)
	}
	return err
}
