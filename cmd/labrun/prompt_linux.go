package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/program"
)

// asShell makes a program the user's shell, with a prompt that names lab and host
// where it is one that we know. Its start-up files are in a directory that no file
// tree has, which the shell gets as descriptor 3 and closes when it has read them;
// they read the user's own first, so that nothing but the prompt is different.
func asShell(p *program.Shell) error {
	shell := cmp.Or(os.Getenv("SHELL"), "/bin/sh")
	p.Argv = []string{shell}
	if !terminal(os.Stdin) {
		return nil // there is no terminal to prompt on
	}
	const folder = "/proc/self/fd/3"
	env := p.Env
	var files map[string]string
	switch filepath.Base(shell) {
	case "bash", "rbash":
		files = map[string]string{"bashrc": bashrc}
		p.Argv = append(p.Argv, "--rcfile", folder+"/bashrc")
	case "zsh":
		own := cmp.Or(os.Getenv("ZDOTDIR"), "$HOME")
		if own != "$HOME" {
			own = lab.Quote(own)
		}
		files = map[string]string{".zshenv": fmt.Sprintf(zshenv, own), ".zshrc": zshrc}
		p.Env = append(without(p.Env, "ZDOTDIR"), "ZDOTDIR="+folder)
	case "fish": // reads a command after its files
		p.Argv = append(p.Argv, "--init-command", fishInit)
		return nil
	case "sh", "dash", "ash", "ksh", "mksh", "yash":
		own := "unset ENV"
		if env := os.Getenv("ENV"); env != "" {
			own = "export ENV=" + lab.Quote(env)
		}
		files = map[string]string{"shrc": fmt.Sprintf(shrc, own)}
		p.Env = append(without(p.Env, "ENV"), "ENV="+folder+"/shrc")
	default:
		return nil
	}
	return withFolder(p, env, files)
}

// withFolder gives a shell a directory with those files. Where the kernel makes no
// such directories it comes as it is, in the environment that it had.
// A folder in /tmp would be found by other users, and would stay after kill -9.
func withFolder(p *program.Shell, env []string, files map[string]string) error {
	dir, err := fabric.NewDir()
	if err != nil {
		p.Argv, p.Env = p.Argv[:1], env
		return nil
	}
	for name, text := range files {
		if err := os.WriteFile(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name), []byte(text), 0o644); err != nil {
			dir.Close()
			return err
		}
	}
	p.Folder = dir
	return nil
}

// without returns an environment without a variable: with two of a name some shells
// take the first.
func without(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, name+"=") })
}

// bash reads this file in place of ~/.bashrc, bash(1).
const bashrc = `[ -r ~/.bashrc ] && . ~/.bashrc
PS1="($LABRUN_LAB/$LABRUN_HOST) ${PS1-\\$ }"
exec 3<&-
`

// A POSIX shell that is interactive reads $ENV, sh(1p).
const shrc = `%s
[ -n "$ENV" ] && [ -r "$ENV" ] && . "$ENV"
PS1="($LABRUN_LAB/$LABRUN_HOST) $PS1"
exec 3<&-
`

// zsh reads these in $ZDOTDIR, zsh(1), where the user's .zshenv may say that the
// rest of the user's files are elsewhere.
const zshenv = `ZDOTDIR=%s
[[ -r $ZDOTDIR/.zshenv ]] && . $ZDOTDIR/.zshenv
labrun_zdotdir=$ZDOTDIR
[[ -o interactive ]] && ZDOTDIR=/proc/self/fd/3
`

const zshrc = `ZDOTDIR=$labrun_zdotdir
unset labrun_zdotdir
[[ $HISTFILE = /proc/self/fd/3/* ]] && HISTFILE=$ZDOTDIR/${HISTFILE:t}
[[ -r $ZDOTDIR/.zshrc ]] && . $ZDOTDIR/.zshrc
[[ $ZDOTDIR = $HOME ]] && unset ZDOTDIR
PROMPT="($LABRUN_LAB/$LABRUN_HOST) $PROMPT"
exec 3<&-
`

// fish has no file to read in the place of another one, fish(1): the prompt is a function, and the
// user's is kept and called.
const fishInit = `functions --copy fish_prompt labrun_own_prompt
function fish_prompt
    echo -n "($LABRUN_LAB/$LABRUN_HOST) "
    labrun_own_prompt
end`
