// Package schema reads model.json: the shapes of the served operations, with
// every constraint that AWS states about them.
//
// It knows nothing of requests or of Go types. Start at [Parse].
package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Model is all of model.json.
type Model struct {
	Operations []Operation
	Shapes     map[string]*Shape
}

// Operation is one call. Output has no shape if the answer has no body.
type Operation struct {
	Name   string
	Input  Ref
	Output Ref
}

// Shape is one type of the service. Which fields are set depends on Type.
type Shape struct {
	Name    string
	Type    string // structure, list, map, string, integer, float, boolean or timestamp
	Members []Member
	Member  Ref // of a list
	Key     Ref // of a map
	Value   Ref // of a map
	Min     *float64
	Max     *float64
	Pattern string // as AWS states it
	RE2     string // the same language as Pattern, if package regexp refuses that
	Enum    []string

	// Constraints are Min, Max, Pattern and Enum, ready to check.
	Constraints []Constraint
}

// Member is one field of a structure.
type Member struct {
	Name     string
	Shape    Ref
	Required bool
}

// Ref is a shape that another shape or an operation names.
type Ref struct {
	*Shape
	name string
}

// UnmarshalJSON reads the name; [Parse] finds the shape.
func (r *Ref) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &r.name)
}

// Constraint is one thing that a value must keep.
type Constraint struct {
	Text  string // in AWS's words
	Holds func(Value) bool
}

// Value is what constraints look at.
type Value struct {
	Size float64 // the length of a string in code points, of a list or map in elements; the value of a number
	Text string  // of a string
}

// Text is the Value of a string.
func Text(s string) Value {
	return Value{Size: float64(utf8.RuneCountInString(s)), Text: s}
}

// Parse reads model.json. It fails if a shape is missing or of an unknown type,
// or if a pattern cannot be run.
func Parse(data []byte) (*Model, error) {
	m := new(Model)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	for i := range m.Operations {
		op := &m.Operations[i]
		if err := m.link(&op.Input, &op.Output); err != nil {
			return nil, fmt.Errorf("operation %s: %w", op.Name, err)
		}
	}
	for name, s := range m.Shapes {
		s.Name = name
		refs := []*Ref{&s.Member, &s.Key, &s.Value}
		for i := range s.Members {
			refs = append(refs, &s.Members[i].Shape)
		}
		if err := m.link(refs...); err != nil {
			return nil, fmt.Errorf("shape %s: %w", name, err)
		}
		if err := s.constrain(); err != nil {
			return nil, fmt.Errorf("shape %s: %w", name, err)
		}
	}
	return m, nil
}

func (m *Model) link(refs ...*Ref) error {
	for _, r := range refs {
		if r.name == "" {
			continue
		}
		s, ok := m.Shapes[r.name]
		if !ok {
			return fmt.Errorf("no shape %s", r.name)
		}
		r.Shape = s
	}
	return nil
}

func (s *Shape) constrain() error {
	what := "value"
	switch s.Type {
	case "string", "list", "map":
		what = "length"
	case "structure", "integer", "float", "boolean", "timestamp":
	default:
		return fmt.Errorf("unknown type %q", s.Type)
	}
	add := func(holds func(Value) bool, text string, a ...any) {
		s.Constraints = append(s.Constraints, Constraint{Text: fmt.Sprintf(text, a...), Holds: holds})
	}
	if s.Max != nil {
		add(func(v Value) bool { return v.Size <= *s.Max }, "Member must have %s less than or equal to %s", what, number(*s.Max))
	}
	if s.Min != nil {
		add(func(v Value) bool { return v.Size >= *s.Min }, "Member must have %s greater than or equal to %s", what, number(*s.Min))
	}
	if s.Pattern != "" {
		re, err := s.regexp()
		if err != nil {
			return err
		}
		add(func(v Value) bool { return re.MatchString(v.Text) }, "Member must satisfy regular expression pattern: %s", s.Pattern)
	}
	if s.Enum != nil {
		add(func(v Value) bool { return slices.Contains(s.Enum, v.Text) }, "Member must satisfy enum value set: [%s]", strings.Join(s.Enum, ", "))
	}
	return nil
}

// regexp matches whole strings, as AWS does whether or not a pattern is anchored.
func (s *Shape) regexp() (*regexp.Regexp, error) {
	p := s.Pattern
	if s.RE2 != "" {
		p = s.RE2
	}
	return regexp.Compile(`\A(?:` + p + `)\z`)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
