#!/bin/sh
# The lab "nothing" as ip(8) commands: the namespace of that name is its fabric,
# and each host is one whose name has a dot and the host's name after it.
# It needs root. "sh -s down" instead of "sh" removes the lab again.
if [ "${1-}" = down ]; then
	exit
fi
set -eu
