package topology

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// editor is a YAML language server, as editors run one: JSON-RPC over its standard input and output.
// It is asked one thing at a time.
type editor struct {
	t      *testing.T
	in     io.Writer
	out    *textproto.Reader
	schema string // a file
	asked  int
}

// message is a request, an answer or a notification of the Language Server Protocol.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  any             `json:"result,omitempty"`
}

// startEditor starts the server; a test is skipped where it is not installed. .ci/run has its version.
func startEditor(t *testing.T) *editor {
	t.Helper()
	program, err := exec.LookPath("yaml-language-server")
	if err != nil {
		if os.Getenv("LABRUN_NETNS") == "required" { // set where all has to be there
			t.Fatal(err)
		}
		t.Skipf("%v: npm install --global yaml-language-server", err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--stdio")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to save
		_ = cmd.Wait()
	})
	e := &editor{t: t, in: in, out: textproto.NewReader(bufio.NewReader(out)),
		schema: filepath.Join(t.TempDir(), "topology.schema.json")}
	if err := os.WriteFile(e.schema, Schema(), 0o600); err != nil {
		t.Fatal(err)
	}
	var ignored any
	e.ask("initialize", map[string]any{"processId": os.Getpid(), "rootUri": nil, "capabilities": map[string]any{
		"workspace": map[string]any{"configuration": true}}}, &ignored)
	e.send(message{Method: "initialized", Params: map[string]any{}})
	return e
}

func (e *editor) send(m message) {
	e.t.Helper()
	m.Version = "2.0"
	text, err := json.Marshal(m)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
		e.t.Fatal(err)
	}
}

// receive returns the next message that is not a question about the editor's settings; these it answers: no schemas of
// elsewhere, which the server would fetch.
func (e *editor) receive() (m struct {
	ID             json.RawMessage
	Method         string
	Params, Result json.RawMessage
}) {
	e.t.Helper()
	for {
		header, err := e.out.ReadMIMEHeader()
		if err != nil {
			e.t.Fatalf("the language server is gone: %v", err)
		}
		length, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			e.t.Fatal(err)
		}
		text := make([]byte, length)
		if _, err := io.ReadFull(e.out.R, text); err != nil {
			e.t.Fatal(err)
		}
		m.ID, m.Method = nil, ""
		if err := json.Unmarshal(text, &m); err != nil {
			e.t.Fatal(err)
		}
		if m.Method == "" || m.ID == nil {
			return m
		}
		var result any
		if m.Method == "workspace/configuration" {
			var params struct{ Items []struct{ Section string } }
			if err := json.Unmarshal(m.Params, &params); err != nil {
				e.t.Fatal(err)
			}
			var settings []any
			for _, item := range params.Items {
				if item.Section == "yaml" {
					settings = append(settings, map[string]any{"validate": true, "hover": true, "completion": true,
						"schemaStore": map[string]any{"enable": false}})
				} else {
					settings = append(settings, map[string]any{})
				}
			}
			result = settings
		}
		e.send(message{ID: m.ID, Result: result})
	}
}

// ask makes a request, and decodes what is answered.
func (e *editor) ask(method string, params, result any) {
	e.t.Helper()
	e.asked++
	id := json.RawMessage(strconv.Itoa(e.asked))
	e.send(message{ID: id, Method: method, Params: params})
	for {
		m := e.receive()
		if string(m.ID) != string(id) {
			continue
		}
		if err := json.Unmarshal(m.Result, result); err != nil {
			e.t.Fatalf("%s: %v: %s", method, err, m.Result)
		}
		return
	}
}

// open shows a file to the server and returns what it complains about, each as LINE: TEXT, by line. The file names its schema
// in its first line, which "labrun schema --help" tells users to write; that line does not count.
func (e *editor) open(uri, text string) []string {
	e.t.Helper()
	e.send(message{Method: "textDocument/didOpen", Params: map[string]any{"textDocument": map[string]any{
		"uri": uri, "languageId": "yaml", "version": 1,
		"text": "# yaml-language-server: $schema=" + e.schema + "\n" + text}}})
	for {
		m := e.receive()
		var found struct {
			URI         string
			Diagnostics []struct {
				Range   struct{ Start struct{ Line int } }
				Message string
			}
		}
		if m.Method != "textDocument/publishDiagnostics" {
			continue
		}
		if err := json.Unmarshal(m.Params, &found); err != nil {
			e.t.Fatal(err)
		}
		if found.URI != uri {
			continue
		}
		complaints := []string{}
		for _, d := range found.Diagnostics {
			complaints = append(complaints, fmt.Sprintf("%02d: %s", d.Range.Start.Line, d.Message))
		}
		slices.Sort(complaints)
		return complaints
	}
}

// at is a place in an open file: a line, from 1 as open counts them, and a column from 0.
func at(uri string, line, column int) map[string]any {
	return map[string]any{"textDocument": map[string]any{"uri": uri},
		"position": map[string]any{"line": line, "character": column}}
}

func (e *editor) hover(uri string, line, column int) string {
	e.t.Helper()
	var shown struct{ Contents struct{ Value string } }
	e.ask("textDocument/hover", at(uri, line, column), &shown)
	return shown.Contents.Value
}

func (e *editor) complete(uri string, line, column int) string {
	e.t.Helper()
	var offered struct{ Items []struct{ Label string } }
	e.ask("textDocument/completion", at(uri, line, column), &offered)
	var labels strings.Builder
	for _, item := range offered.Items {
		labels.WriteString(item.Label + "\n")
	}
	return labels.String()
}

// TestEditor asks a YAML language server what an author sees: mistakes underlined while they are written, each with one
// complaint that says what is wrong; what a key and a call mean; and calls to choose from.
func TestEditor(t *testing.T) {
	e := startEditor(t)
	const uri = "file:///lab/mistakes.yaml"
	complaints := e.open(uri, `name: mistakes
networks: {red: 192.0.2.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x, adress: 192.0.2.1}}}
experiments:
  one:
    steps:
      - a = socket(tcp)
      - bind(a, x:80) = EADRINUSE
      - bind(a, x:80) = EADDRINUSE [EACES on linux < 6.2]
      - setsockopt(a, SO_REUSEADDR, 1) = EINVALID
      - getsockname(a) = EBAFD
      - peer/web: connect(a, x:80) = EHOSTUNREACH | ENETUNREACHABLE
      - setsockopt(a, SO_REUSEADR, 1)
      - bnd(a, x:80)
`)
	const errno = ": no such errno: EADDRINUSE, EINVAL and so on, errno(3)"
	const call = ": not a call that labrun takes: its name, its arguments or its answer; labrun check says which"
	want := []string{"04: Property adress is not allowed.", "09" + errno, "10" + errno, "11" + errno, "12" + errno,
		"13" + errno, "14" + call, "15" + call}
	if diff := cmp.Diff(want, complaints); diff != "" {
		t.Errorf("wanted (-), the editor says (+):\n%s", diff)
	}
	for _, tt := range []struct {
		line, column int
		want         string
	}{
		{6, 3, "An experiment: a row of the matrix"},
		{8, 12, "make a socket, socket(2)"},
		{4, 33, "The name of the network that the NIC is on."},
	} {
		text := e.hover(uri, tt.line, tt.column)
		if !strings.Contains(text, tt.want) || strings.Count(text, "Example:") > mostShown || len(text) > 600 {
			t.Errorf("line %d, column %d: wanted a short text with %q, the editor shows\n%s", tt.line, tt.column, tt.want, text)
		}
	}

	const calls, keys = "file:///lab/calls.yaml", "file:///lab/keys.yaml"
	e.open(calls, "experiments:\n  one:\n    steps:\n      - \n")
	e.open(keys, "experiments:\n  one:\n    steps: [a = socket(tcp)]\n    \n")
	someCall, someKey := e.complete(calls, 4, 8), e.complete(keys, 4, 4)
	for want, offered := range map[string]string{
		"a = socket(tcp)": someCall, "a = socket(unix-seqpacket)": someCall, "bind(a, x:80)": someCall, "connect(a, x:80)": someCall,
		"setsockopt(a, SO_REUSEADDR, 1)": someCall, "getsockopt(a, TCP_INFO)": someCall, "doc": someKey,
	} {
		if !strings.Contains("\n"+offered, "\n"+want+"\n") {
			t.Errorf("the editor does not offer %q; it offers\n%s", want, offered)
		}
	}

	for _, file := range lessons(t) {
		if found := e.open("file:///lab/"+filepath.Base(file), string(mustRead(t, file))); len(found) > 0 {
			t.Errorf("%s: the editor says %s", file, strings.Join(found, "\n"))
		}
	}
}
