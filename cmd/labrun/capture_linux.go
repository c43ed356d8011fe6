package main

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"labrun/lab/capture"
	"labrun/lab/sys"
)

// openCapture makes the folder of --capture, nil when there is to be none. What
// cannot be written into is found before anything is run.
func openCapture(dir string) (*capture.Folder, error) {
	if dir == "" {
		return nil, nil
	}
	folder, err := capture.OpenFolder(dir, giveToUser)
	if err == nil {
		if err = unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			err = fmt.Errorf("write in %s: %w", dir, err)
		}
	}
	if err != nil {
		return nil, usagef("--capture %s: %w", dir, err)
	}
	release, _, machine, err := sys.Uname()
	if err != nil {
		return nil, err
	}
	folder.Section = capture.Section{
		Hardware:    machine,
		OS:          "Linux " + release,
		Application: "labrun " + version(),
	}
	return folder, nil
}

// captured says what is missing in a folder of captures. The report is the same
// without them, but an error is not a success.
func captured(stderr io.Writer, folder *capture.Folder, reported error) error {
	if folder == nil {
		return reported
	}
	if loss := folder.Loss(); loss.Packets > 0 {
		where := loss.First
		if loss.Cells > 1 {
			where += fmt.Sprintf(" and %d more", loss.Cells-1)
		}
		complain(stderr, fmt.Errorf("--capture: %d packets came too fast and are missing in %s", loss.Packets, where))
	}
	err := folder.Close()
	if err == nil {
		return reported
	}
	err = fmt.Errorf("--capture: %w", err)
	var status exitStatus
	if reported != nil && !errors.As(reported, &status) {
		return errors.Join(reported, err)
	}
	complain(stderr, err)
	return exitStatus(exitError)
}
