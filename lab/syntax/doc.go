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
package syntax
