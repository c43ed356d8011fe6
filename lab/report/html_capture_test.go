//go:build unix

package report

import "testing"

// TestPageLinksCapturesInBrowser has links to the captured packets of a cell, which
// lead to files and to nothing else, whatever the report says.
func TestPageLinksCapturesInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1280, 900, "light")
	c.load(mustPage(t, sample()))
	c.eval("document.querySelector('#t0-cells .tile.fail').click()", nil)
	const links = "[...document.querySelectorAll('#cell .captures a')]"
	c.expect(links+".map((a) => a.textContent).join()", "pcap/wrong@alpha/red.pcapng,pcap/wrong@alpha/lo.pcapng")
	c.expect(links+".map((a) => a.getAttribute('href')).join()",
		"./pcap/wrong%40alpha/red.pcapng,./pcap/wrong%40alpha/lo.pcapng")
	c.expect(links+".map((a) => a.download).join()", "red.pcapng,lo.pcapng")
	c.expect(links+".every((a) => a.href.startsWith(new URL('.', location.href).href))", "true")
	c.keep("captures.png")
	for file, want := range map[string]string{
		"javascript:alert(1)":  "./javascript%3Aalert(1)",
		"//example.com/x":      "file:///example.com/x",
		`\\example.com\x`:      "./%5C%5Cexample.com%5Cx",
		"https://example.com/": "./https%3A//example.com/",
		"/tmp/a b/%2E?#":       "file:///tmp/a%20b/%252E%3F%23",
		"../pcap/e,a=x%3A80@h": "./../pcap/e%2Ca%3Dx%253A80%40h",
	} {
		var got string
		c.eval("captureLink("+quoteYAML(file)+")", &got)
		if got != want {
			t.Errorf("%s leads to %s, want %s", file, got, want)
		}
	}
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}
