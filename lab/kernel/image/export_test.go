package image

// ForgetApt is what another run does: it asks apt again.
func ForgetApt() {
	apt.Lock()
	defer apt.Unlock()
	apt.packages = nil
}

var (
	CompareVersions = compareVersions
	Run             = run
)
