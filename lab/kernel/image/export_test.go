package image

// ForgetApt is what another run does: it asks apt again.
func ForgetApt() {
	apt.Lock()
	defer apt.Unlock()
	apt.packages = nil
}

var (
	CompareVersions = compareVersions
	OpenFile        = openFile
	Run             = run
)

// FolderOf returns the folder that the cache would have for a package with that control file; "" where it is refused.
func FolderOf(text string) string {
	fields := parseControl(text)
	if len(fields) == 0 {
		return ""
	}
	p := packageOf(fields[0])
	if p.check() != nil {
		return ""
	}
	return folderOf([]Package{p})
}
