package question

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/syntax"
)

// Asked is all that a topology asks a kernel, as it was printed. A kernel that gets it needs neither
// the file nor package topology.
type Asked struct {
	File      string // as it was named to the labrun that printed
	Layout    lab.Layout
	Features  []lab.Feature
	Probes    []*Question
	Questions []*Question
}

// Read returns what Print wrote. The line of the rule that an answer comes from is not in it: the
// asker alone prints that, and has the topology (result.NewRow).
func Read(r io.Reader) (*Asked, error) {
	var from struct {
		Topology  string
		File      string
		Networks  []lab.Network
		Hosts     []lab.Host
		Features  []string
		Probes    []*Question
		Questions []*Question
	}
	if err := json.NewDecoder(r).Decode(&from); err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	a := &Asked{File: from.File, Layout: lab.Layout{Name: from.Topology, Networks: from.Networks, Hosts: from.Hosts},
		Probes: from.Probes, Questions: from.Questions}
	var err error
	if a.Features, err = ParseFeatures(from.Features); err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	for _, q := range slices.Concat(a.Probes, a.Questions) {
		q.File, q.Layout, q.Plan.Name = a.File, &a.Layout, a.Layout.Name
	}
	return a, nil
}

// ParseFeatures reads features as they print themselves.
func ParseFeatures(texts []string) ([]lab.Feature, error) {
	var all []lab.Feature
	for _, text := range texts {
		f, err := condition(text)
		if err != nil {
			return nil, err
		}
		all = append(all, *f.Has)
	}
	return all, nil
}

// UnmarshalJSON reads a question, but for the file and the layout, which all of a topology share:
// Read sets them.
func (q *Question) UnmarshalJSON(text []byte) error {
	var from struct {
		Experiment   string
		Host         string
		Hosts        []string
		Plan         json.RawMessage
		Processes    []Process
		Ports        []uint16
		Kept         map[string][]uint16 `json:"kept_ports"`
		Axes         []lab.Axis
		Steps        []Slot
		Cells        int
		Combinations []lab.Combo
		Shares       bool   `json:"cells_share_labs"`
		Batch        string `json:"batch_of"`
	}
	if err := json.Unmarshal(text, &from); err != nil {
		return err
	}
	*q = Question{Experiment: from.Experiment, Host: from.Host, Hosts: from.Hosts, Processes: from.Processes,
		Ports: from.Ports, Kept: from.Kept, Axes: from.Axes, Slots: from.Steps, Combos: from.Combinations,
		Shares: from.Shares}
	if q.Combos == nil {
		for c := range from.Cells {
			q.Combos = append(q.Combos, lab.Combo(c))
		}
	}
	if from.Batch != "" {
		p := processOf(from.Batch)
		q.Batch = &p
	}
	ops, err := json.Marshal(struct{ Ops json.RawMessage }{from.Plan})
	if err != nil {
		return err
	}
	return json.Unmarshal(ops, &q.Plan)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Process) UnmarshalJSON(text []byte) error {
	var from processJSON
	if err := json.Unmarshal(text, &from); err != nil {
		return err
	}
	*p = Process{Process: processOf(from.Name), Program: from.Program, Child: from.Child, User: from.User,
		Named: from.Named, Keeps: from.Keeps}
	return nil
}

func processOf(text string) lab.Process {
	host, name, _ := strings.Cut(text, "/")
	return lab.Process{Host: host, Name: name}
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Step) UnmarshalJSON(text []byte) error {
	var from stepJSON
	err := json.Unmarshal(text, &from)
	if err != nil {
		return err
	}
	*s = Step{Process: processOf(from.Process), Until: seconds(from.Until), Spec: from.Spec, Pending: from.Pending,
		Held: from.Held, Sender: from.Sender, Pos: from.At}
	if s.Addr, err = address(from.Address); err != nil {
		return err
	}
	if s.Inner, err = addresses(from.Inner); err != nil {
		return err
	}
	if from.Run != nil {
		s.Call = lab.Call{Name: "run", Args: []lab.Arg{lab.Text(lab.Command(from.Run.Argv...))}}
		s.Run = &lab.Run{Argv: from.Run.Argv, Background: from.Run.Background, FDs: from.Run.FDs}
		if s.Run.Stdout, err = pattern(from.Run.Stdout); err != nil {
			return err
		}
		if s.Run.Stderr, err = pattern(from.Run.Stderr); err != nil {
			return err
		}
	} else if s.Call, err = syntax.ParseCall(from.Call); err != nil {
		return err
	}
	for _, w := range from.Want {
		to, err := s.want(w)
		if err != nil {
			return err
		}
		s.Want = append(s.Want, to)
	}
	for i, w := range from.Want {
		if s.LimitFor(s.Want[i].Answer) != seconds(w.Limit) {
			s.Limit = seconds(w.Limit) // the file has one for all the answers
		}
	}
	return nil
}

// want reads an answer to the step's call, on which its form depends: "LISTEN" is a state after
// sockets() and a mistake elsewhere.
func (s *Step) want(from wantJSON) (w Want, err error) {
	w.Spec = from.Spec
	if w.Addr, err = address(from.Address); err != nil {
		return w, err
	}
	if w.Inner, err = addresses(from.Inner); err != nil {
		return w, err
	}
	if len(from.Linux) > 0 {
		w.WantRule, err = condition("linux " + strings.Join(from.Linux, " "))
	}
	if from.Has != "" && err == nil {
		var has lab.WantRule
		has, err = condition(from.Has)
		w.Has = has.Has
	}
	switch {
	case err != nil:
	case s.Run == nil:
		w.Answer, err = syntax.ParseAnswer(s.Call, from.Answer)
	default:
		w.Answer, err = s.end(from.Answer)
	}
	if err != nil || w.Answer.Outcome != lab.Either {
		return w, err
	}
	several, inner := w.Answer.All(), w.Inner
	if len(several) != len(from.Or) {
		return w, fmt.Errorf("%s: %d addresses of %d answers", from.Answer, len(from.Or), len(several))
	}
	for i, a := range several {
		one := Want{WantRule: lab.WantRule{Answer: a}}
		if one.Addr, err = address(from.Or[i]); err != nil {
			return w, err
		}
		if i < len(from.OrSpecs) {
			one.Spec = from.OrSpecs[i]
		}
		for range lab.AddrsIn(lab.ControlArgs(a.Parts()...)...) {
			if len(inner) == 0 {
				return w, fmt.Errorf("%s: too few inner addresses", from.Answer)
			}
			one.Inner, inner = append(one.Inner, inner[0]), inner[1:]
		}
		w.Or = append(w.Or, one)
	}
	return w, nil
}

// end reads how a program must end: "exit 0, stdout ...", or ok where it is not waited for. What its
// output must match stands in runJSON and is taken from there: quoted twice it could differ.
func (s *Step) end(text string) (lab.Answer, error) {
	if text == string(lab.OK) {
		return lab.Answer{Outcome: lab.OK}, nil
	}
	var end lab.Finish
	if _, err := fmt.Sscanf(text, "exit %d", &end.Status); err != nil {
		return lab.Answer{}, fmt.Errorf("%q is not the end of a program", text)
	}
	if s.Run.Stdout != nil {
		end.Stdout = s.Run.Stdout.String()
	}
	if s.Run.Stderr != nil {
		end.Stderr = s.Run.Stderr.String()
	}
	return lab.Answer{Outcome: lab.OK, Value: end}, nil
}

func condition(text string) (lab.WantRule, error) {
	rule, mistakes := syntax.ParseCondition(text)
	if len(mistakes) > 0 {
		return rule, fmt.Errorf("%q: %s", text, mistakes[0].Msg)
	}
	return rule, nil
}

// pattern reads a quoted text or a regular expression between slashes, "" for none.
func pattern(text string) (*lab.Pattern, error) {
	if text == "" {
		return nil, nil
	}
	if source, ok := strings.CutPrefix(text, "/"); ok {
		source = strings.TrimSuffix(source, "/")
		re, err := regexp.Compile(source)
		return &lab.Pattern{Text: source, Regexp: re}, err
	}
	plain, err := strconv.Unquote(text)
	return &lab.Pattern{Text: plain}, err
}

func address(text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, nil
	}
	return netip.ParseAddrPort(text)
}

func addresses(texts []string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, text := range texts {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func seconds(n float64) time.Duration { return time.Duration(math.Round(n * float64(time.Second))) }
