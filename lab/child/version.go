package child

import "runtime/debug"

// Version returns the version of a program that Go has built: its module's, or the commit that it was built from.
func Version(info *debug.BuildInfo) string {
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && info.Main.Version == Devel {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return info.Main.Version
}

// Devel is the version of a program of which nothing else is known.
const Devel = "(devel)"
