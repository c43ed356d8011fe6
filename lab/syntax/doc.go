// Package syntax is how a step is written: text to lab.Call and lab.Want, and what is
// printed reads as the same again.
//
//	bind(b, any6:80) = ok [EADDRINUSE on linux < 6.2]
//
// It is pure, and knows steps, answers, conditions and names, but neither files nor which
// hosts exist. What is wrong with a text comes out as Mistakes, each with its offset in
// the text. A call is what lab.Signatures and lab.Options say of it; the tables of this
// package add how the values of each kind are written, for readers and, as patterns, for
// the JSON Schema.
//
// Steps are written as strace(1) prints calls, since that is what people compare them with, and
// printed answers of a report are pasted back into files. Reading goes from the outside in:
//
//	lex          text                  -> tokens
//	Step.parse   tokens                -> the call's name, a span for each argument and answer
//	reader       a span and its kind   -> a value, or mistakes
//
// No reader stops at another one's mistake, so one look at a file shows all that is wrong with
// it. None guesses either: a word that is nearly right is a mistake which says what was meant
// (meant.go), as an experiment that asks something else than its author believes is worse than
// one that does not run.
package syntax
