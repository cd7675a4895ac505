package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// model is the part of a service model that is kept, as AWS writes it.
type model struct {
	Operations map[string]operation
	Shapes     map[string]shape
}

type operation struct {
	Name   string `json:"name"`
	Input  ref    `json:"input"`
	Output ref    `json:"output,omitzero"`
}

// ref names a shape: an object in AWS's file, a plain string in ours.
type ref string

func (r *ref) UnmarshalJSON(data []byte) error {
	var v struct{ Shape string }
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*r = ref(v.Shape)
	return nil
}

type shape struct {
	Type     string
	Members  members
	Required []string
	Member   ref
	Key      ref
	Value    ref
	Enum     []string
	Min      *float64
	Max      *float64
	Pattern  string
}

type member struct {
	Name     string `json:"name"`
	Shape    ref    `json:"shape"`
	Required bool   `json:"required,omitzero"`
}

// members are in the order of the file, which is the order of the documentation.
type members []member

func (m *members) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var r ref
		if err := d.Decode(&r); err != nil {
			return err
		}
		*m = append(*m, member{Name: name.(string), Shape: r})
	}
	return nil
}

// merge lays o over s: members and enum values are added, required marks
// united, everything else that o states replaces what s says.
func (s shape) merge(o shape) (shape, error) {
	if s.Type != "" && o.Type != "" && s.Type != o.Type {
		return s, fmt.Errorf("is a %s, not a %s", s.Type, o.Type)
	}
	for _, v := range o.Enum {
		if slices.Contains(s.Enum, v) {
			return s, fmt.Errorf("already has the value %q", v)
		}
	}
	s.Enum = slices.Concat(s.Enum, o.Enum)
	s.Required = slices.Concat(s.Required, o.Required)
	for _, m := range o.Members {
		i := slices.IndexFunc(s.Members, func(have member) bool { return have.Name == m.Name })
		if i < 0 {
			s.Members = append(s.Members, m)
			continue
		}
		s.Members[i] = m
	}
	s.Type = cmp.Or(o.Type, s.Type)
	s.Member = cmp.Or(o.Member, s.Member)
	s.Pattern = cmp.Or(o.Pattern, s.Pattern)
	s.Min = cmp.Or(o.Min, s.Min)
	s.Max = cmp.Or(o.Max, s.Max)
	return s, nil
}

// trim drops every shape that ops do not reach, and names what goes in and out
// of an operation after it: some are called Input and Output, some Request and
// Response.
func (m *model) trim(ops []string) error {
	kept := map[string]shape{}
	for _, name := range ops {
		op, ok := m.Operations[name]
		if !ok {
			return fmt.Errorf("no operation %s", name)
		}
		for _, io := range []struct {
			ref    *ref
			suffix string
		}{{&op.Input, "Input"}, {&op.Output, "Output"}} {
			if *io.ref == "" {
				continue
			}
			s := m.Shapes[string(*io.ref)]
			*io.ref = ref(name + io.suffix)
			kept[name+io.suffix] = s
			if err := m.keep(s, kept); err != nil {
				return err
			}
		}
		m.Operations[name] = op
	}
	m.Shapes = kept
	return nil
}

func (m *model) keep(s shape, kept map[string]shape) error {
	refs := []ref{s.Member, s.Key, s.Value}
	for _, f := range s.Members {
		refs = append(refs, f.Shape)
	}
	for _, r := range refs {
		if _, ok := kept[string(r)]; ok || r == "" {
			continue
		}
		next, ok := m.Shapes[string(r)]
		if !ok {
			return fmt.Errorf("no shape %s", r)
		}
		kept[string(r)] = next
		if err := m.keep(next, kept); err != nil {
			return err
		}
	}
	return nil
}

// re2 holds, for the patterns that look around and so cannot be run by package
// regexp, one that matches the same whole strings.
var re2 = map[string]string{
	`(?!\s*$).+`:                   `.*[^\s\v].*`,
	`/(?!.*\.\.)[a-zA-Z0-9/_.\-]+`: `/(\.|(\.?[a-zA-Z0-9/_\-])+\.?)`,
	`(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?`://
	`(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\/[0-9]{1,9})?`,
}

// tidy says each fact in one way: patterns without the anchors that older
// models have and newer ones do not (they match whole strings either way), and
// no length limits that every string keeps.
func (m *model) tidy() error {
	for name, s := range m.Shapes {
		s.Pattern = strings.TrimPrefix(s.Pattern, "^")
		if !strings.HasSuffix(s.Pattern, `\$`) {
			s.Pattern = strings.TrimSuffix(s.Pattern, "$")
		}
		if _, err := regexp.Compile(s.Pattern); (err != nil) != (re2[s.Pattern] != "") {
			return fmt.Errorf("shape %s: pattern %s: want an entry in re2 exactly if package regexp refuses it: %v", name, s.Pattern, err)
		}
		if s.Min != nil && *s.Min == 0 && slices.Contains([]string{"string", "list", "map"}, s.Type) {
			s.Min = nil
		}
		for _, r := range s.Required {
			i := slices.IndexFunc(s.Members, func(f member) bool { return f.Name == r })
			if i < 0 {
				return fmt.Errorf("shape %s: required member %s does not exist", name, r)
			}
			s.Members[i].Required = true
		}
		m.Shapes[name] = s
	}
	return nil
}

// facts is s as model.json has it.
func (s shape) facts() any {
	return struct {
		Type    string   `json:"type"`
		Members []member `json:"members,omitzero"`
		Member  ref      `json:"member,omitzero"`
		Key     ref      `json:"key,omitzero"`
		Value   ref      `json:"value,omitzero"`
		Min     *float64 `json:"min,omitzero"`
		Max     *float64 `json:"max,omitzero"`
		Pattern string   `json:"pattern,omitzero"`
		RE2     string   `json:"re2,omitzero"`
		Enum    []string `json:"enum,omitzero"`
	}{s.Type, s.Members, s.Member, s.Key, s.Value, s.Min, s.Max, s.Pattern, re2[s.Pattern], s.Enum}
}
