// Package report prints matrices. It computes nothing: what a report says was
// found by package run.
package report
