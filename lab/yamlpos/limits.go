package yamlpos

// The limits of a file, and of the files that belong together. They are far above what a person
// writes and below what a machine has no memory for.
const (
	maxMarks      = 400_000 // lines, commas and brackets: what makes YAML values
	maxValues     = 1_000_000
	MaxComplaints = 500 // more are not looked for
	MaxShown      = 50  // complaints that Error and Pretty print
)
