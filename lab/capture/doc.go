// Package capture writes what the hosts of a lab sent, as files in the format
// pcapng, which Wireshark and tshark read. It knows the format and where the files
// are; another package hears the packets (fabric.Tap).
//
// A cell has a folder, with a file for each network and one for what never leaves
// a host, lo.pcapng. A link of a host is an interface there, with its name and its
// addresses; every packet stands once, with the link that sent it.
package capture
