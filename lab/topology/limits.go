package topology

// The limits of a file. They bound the time and the memory that a hostile one
// can take, and stand well above what a machine could run. Each is checked before what it bounds is
// begun, and the ones that multiply (combinations, variants, checks) have limits of their product.
// Limits of a kernel's are where a lab could not be built beyond them.
const (
	maxFile        = 4 << 20 // bytes
	maxIncluded    = 256     // files of a topology; the limits of bytes, marks and values are for all together
	maxClaims      = 1000
	maxNetworks    = 4096
	maxHosts       = 4096
	maxNICs        = 64  // of a host
	maxSubnets     = 64  // of a network, of each family
	maxSysctls     = 256 // of a host, of the whole file
	maxSpecs       = 256 // routes of a host, rules and neighbours
	maxAddresses   = 64  // of a NIC
	maxExperiments = 10_000
	maxSteps       = 10_000    // of an experiment
	maxCombos      = 1_000_000 // of an experiment's axes
	maxVariants    = 100_000   // of a step, that differ between them
	maxTurns       = 10_000    // of repeat
	maxProcesses   = 256       // of an experiment
	maxChecks      = 5_000_000 // steps times kinds of columns
)
