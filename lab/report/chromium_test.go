//go:build unix

package report

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chromium is a page in a headless Chromium, driven by the DevTools protocol over
// a pipe: messages in JSON, each ended by a zero byte.
type chromium struct {
	t       *testing.T
	in      *os.File
	out     *bufio.Reader
	session string
	number  int
	events  []devtoolsMessage // that came while answers were waited for
}

type devtoolsMessage struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// mustChromium starts Chromium. Without one the test is skipped, and fails where
// CI must have all that tests need.
func mustChromium(t *testing.T) *chromium {
	t.Helper()
	if testing.Short() && os.Getenv("LABRUN_NETNS") != "required" {
		t.Skip("starts a browser")
	}
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		message := "no chromium: apt-get install --no-install-recommends chromium"
		if os.Getenv("LABRUN_NETNS") == "required" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--remote-debugging-pipe",
		"--user-data-dir="+filepath.Join(dir, "profile"), "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir) // it keeps things there too
	cmd.Stderr, cmd.WaitDelay = new(bytes.Buffer), time.Second
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with all that it starts
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	c := &chromium{t: t, in: ourIn, out: bufio.NewReaderSize(ourOut, 1<<20)}
	t.Cleanup(func() {
		ourIn.Close() // of which it ends
		ourOut.Close()
		end(t, cmd, dir)
	})
	_ = ourOut.SetReadDeadline(time.Now().Add(10 * time.Minute)) // a browser that hangs
	c.open()
	return c
}

// end ends Chromium with all that it has started, and removes its directory: what is
// being killed may write into that for a moment.
func end(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait() // it was killed
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if err := os.RemoveAll(dir); err == nil || time.Now().After(deadline) {
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

func (c *chromium) open() {
	c.t.Helper()
	var target struct{ TargetID string }
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	c.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		c.call(domain+".enable", nil, nil)
	}
}

func (c *chromium) send(method string, params any) {
	c.t.Helper()
	c.number++
	message := map[string]any{"id": c.number, "method": method}
	if params != nil {
		message["params"] = params
	}
	if c.session != "" {
		message["sessionId"] = c.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.in.Write(append(text, 0)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chromium) receive() devtoolsMessage {
	c.t.Helper()
	text, err := c.out.ReadBytes(0)
	if err != nil {
		c.t.Fatal(err)
	}
	var m devtoolsMessage
	if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m); err != nil {
		c.t.Fatal(err)
	}
	return m
}

// call makes a call and waits for its answer.
func (c *chromium) call(method string, params, result any) {
	c.t.Helper()
	c.send(method, params)
	for id := c.number; ; {
		m := c.receive()
		switch {
		case m.Method != "":
			c.events = append(c.events, m)
		case m.ID != id:
		case m.Error != nil:
			c.t.Fatalf("%s: %s", method, m.Error.Message)
		default:
			if result != nil {
				if err := json.Unmarshal(m.Result, result); err != nil {
					c.t.Fatalf("%s: %v", method, err)
				}
			}
			return
		}
	}
}

// wait reads events until one is of that kind.
func (c *chromium) wait(method string) {
	c.t.Helper()
	for i := 0; ; i++ {
		if i == len(c.events) {
			c.events = append(c.events, c.receive())
		}
		if c.events[i].Method == method {
			return
		}
	}
}

// load opens a file and waits until its scripts have run.
func (c *chromium) load(file string) {
	c.t.Helper()
	c.events = nil
	c.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	c.wait("Page.loadEventFired")
}

// eval runs JavaScript in the page, waits for it when it is a promise, and returns
// what it comes to.
func (c *chromium) eval(script string, value any) {
	c.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	c.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		c.t.Fatalf("%s: %s", script, r.ExceptionDetails.Exception.Description)
	}
	if value != nil && len(r.Result.Value) > 0 {
		if err := json.Unmarshal(r.Result.Value, value); err != nil {
			c.t.Fatalf("%s: %v", script, err)
		}
	}
}

// text returns what JavaScript comes to as a string.
func (c *chromium) text(script string) string {
	c.t.Helper()
	var s string
	c.eval("String("+script+")", &s)
	return s
}

// press presses a key as a user does.
func (c *chromium) press(key, text string) {
	c.t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowDown": 40}[key]
	p := map[string]any{"type": "keyDown", "key": key, "windowsVirtualKeyCode": code}
	if text != "" {
		p["text"] = text
	}
	c.call("Input.dispatchKeyEvent", p, nil)
	c.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}, nil)
}

// complaints are what the page wrote to the console, threw, or asked of others.
func (c *chromium) complaints() []string {
	c.t.Helper()
	c.eval("new Promise(requestAnimationFrame)", nil) // what came before has arrived
	var all []string
	for _, e := range c.events {
		switch e.Method {
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
			all = append(all, e.Method+" "+string(e.Params))
		case "Network.requestWillBeSent":
			var p struct{ Request struct{ URL string } }
			if err := json.Unmarshal(e.Params, &p); err != nil {
				c.t.Fatal(err)
			}
			if u := p.Request.URL; !strings.HasPrefix(u, "file://") && !strings.HasPrefix(u, "data:") {
				all = append(all, "it asked for "+u)
			}
		}
	}
	return all
}

// look shows the page in a window of that size, light or dark.
func (c *chromium) look(width, height int, scheme string) {
	c.t.Helper()
	c.call("Emulation.setDeviceMetricsOverride",
		map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	c.call("Emulation.setEmulatedMedia",
		map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// keep writes a picture of the page to $LABRUN_SHOTS, for somebody to look at.
func (c *chromium) keep(name string) {
	c.t.Helper()
	dir := os.Getenv("LABRUN_SHOTS")
	if dir == "" {
		return
	}
	method, params := "Page.captureScreenshot", map[string]any{}
	if strings.HasSuffix(name, ".pdf") {
		method, params = "Page.printToPDF", map[string]any{"preferCSSPageSize": true}
	}
	var r struct{ Data string }
	c.call(method, params, &r)
	picture, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), picture, 0o644); err != nil {
		c.t.Fatal(fmt.Errorf("LABRUN_SHOTS: %w", err))
	}
}
