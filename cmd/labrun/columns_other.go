//go:build !linux

package main

import "os"

func columns(*os.File) int { return 0 }
