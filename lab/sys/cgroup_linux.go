package sys

// Cgroups is where a guest has the cgroups, cgroups(7), all of them labrun's. On other machines it does not exist: a
// cgroup that labrun made there would be left when it is killed.
const Cgroups = "/run/labrun-cgroups"
