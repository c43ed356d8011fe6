package topology

import "testing"

// TestKeySynonymsMeanOneThing: no key of another tool's is two of ours.
func TestKeySynonymsMeanOneThing(t *testing.T) {
	seen := map[string]string{}
	for ours, others := range keySynonyms {
		for _, word := range others {
			if seen[word] != "" {
				t.Errorf("%q is %s and %s", word, seen[word], ours)
			}
			seen[word] = ours
		}
	}
}
