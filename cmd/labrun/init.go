package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"labrun/lab/syntax"
	"labrun/topologies"
)

// firstFile is what "labrun init" writes: a file that runs, with an experiment that is worth a change. %s is its name.
const firstFile = `# yaml-language-server: $schema=labrun.schema.json
#
# The line above has an editor complete keys and calls, once the schema is there:
#
#     labrun schema topology >labrun.schema.json
#
# labrun FILE runs the experiments below in every host, labrun check FILE finds mistakes, labrun fmt FILE tidies up.

name: %s
doc: What this file is about, in a sentence.

# Links. A subnet is a network's addresses; hosts without an address of their own get the next free one.
networks:
  red: 192.0.2.0/24
  blue: 198.51.100.0/24

# Each host is a network namespace, and each NIC's address has the name that experiments use: x, y, and of the other
# host peer.x, peer.y. Other addresses are any, any6, lo, lo6, or written out: 203.0.113.1.
hosts:
  alpha:
    nics:
      eth0: {network: red, as: x}
      eth1: {network: blue, as: y}
  beta:
    nics:
      eth0: {network: red, as: x}
      eth1: {network: blue, as: y}

# Each line of steps is a system call. It has to succeed, unless an answer stands behind it; "= ?" takes any and shows
# it. "labrun help calls", "options" and "answers" list all there are.
experiments:
  wildcard-beside-x:
    doc: May a second socket take every address, where the first has one?
    steps: |
      a = socket(tcp)
      bind(a, x:80)
      b = socket(tcp)
      bind(b, any:80) = EADDRINUSE

  dial-the-peer:
    doc: A process of the peer listens, and this host connects to it.
    steps: |
      peer/web: w = socket(tcp)
      peer/web: bind(w, x:80)
      peer/web: listen(w, 5)
      c = socket(tcp)
      connect(c, peer.x:80)
      peer/web: d = accept(w)
`

// initCommand makes "labrun init". An empty file is where a newcomer gives up.
func initCommand() *cobra.Command {
	from := ""
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "write a first topology file, with comments",
		Long: `init writes a topology with two hosts and two experiments, in which comments say what
is what; FILE is lab.yaml unless it is named. With --from it copies a lesson, and the
files that this includes. A file that exists is never written.

    labrun init first.yaml && labrun first.yaml
    labrun init --from reuseaddr my.yaml`,
		Args: args(0, 1, "one FILE at most"),
		RunE: func(cmd *cobra.Command, files []string) error {
			file := "lab.yaml"
			if len(files) > 0 {
				file = files[0]
			}
			return initFile(cmd.OutOrStdout(), file, from)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "copy the lesson `NAME`; \"labrun list\" lists them")
	return cmd
}

func initFile(stdout io.Writer, file, from string) error {
	write := map[string][]byte{}
	if from == "" {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if syntax.TopologyName.Check(name) != "" {
			name = "lab"
		}
		write[file] = fmt.Appendf(nil, firstFile, name)
	} else if err := lessonFiles(write, file, from); err != nil {
		return err
	}
	for f := range write {
		if _, err := os.Lstat(f); err == nil {
			return usagef("%s: %w", f, errExists)
		}
	}
	for f, text := range write {
		if err := os.MkdirAll(filepath.Dir(f), 0o777); err != nil {
			return usageError{err}
		}
		if err := writeFile(f, text); err != nil {
			return usagef("%s: %w", f, reasonOf(err))
		}
	}
	_, err := fmt.Fprintf(stdout, "%s: labrun %s runs it\n", file, fileArgument(file))
	return err
}

// lessonFiles adds a lesson, and the files that it includes, at their places beside it.
func lessonFiles(write map[string][]byte, file, from string) error {
	text, err := topologies.Files.ReadFile(from + ".yaml")
	if err != nil {
		names := lessonNames()
		return usagef("--from %s: no such lesson%s there are %s", from, meant(from, names), list(names))
	}
	write[file] = text
	t, err := loadLesson(from)
	if err != nil {
		return err
	}
	for _, i := range t.Included {
		write[filepath.Join(filepath.Dir(file), i.File)] = []byte(i.Text)
	}
	return nil
}
