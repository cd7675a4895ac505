package sagemaker

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gnomon/sagemaker/internal/schema"
)

// mostViolations is how many violations an answer spells out; it counts all.
// Some lists of the model have no upper limit.
const mostViolations = 100

// check returns what the model knows of v, if all of it fits s.
func check(s *schema.Shape, v any) (any, error) {
	var c checker
	known, err := c.value(s, "", v)
	if err != nil {
		return nil, err
	}
	if c.violations > 0 {
		return nil, c.err()
	}
	return known, nil
}

// checker walks a request along the model, in the model's order, so that the
// same request always gets the same answer. Its methods return what the model
// knows of the value. Their error is about types: one of the wrong type ends the
// walk, as it does at AWS, where requests are parsed before they are validated.
type checker struct {
	violations int
	texts      []string
}

func (c *checker) err() error {
	plural := "s"
	if c.violations == 1 {
		plural = ""
	}
	return &Error{
		Code:    CodeValidation,
		Message: fmt.Sprintf("%d validation error%s detected: %s", c.violations, plural, strings.Join(c.texts, "; ")),
	}
}

func (c *checker) violation(path string, v any, constraint string) {
	c.violations++
	if len(c.texts) < mostViolations {
		c.texts = append(c.texts, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", quote(v), path, constraint))
	}
}

func (c *checker) value(s *schema.Shape, path string, v any) (any, error) {
	switch s.Type {
	case "structure":
		return c.structure(s, path, v)
	case "list":
		return c.list(s, path, v)
	case "map":
		return c.mapping(s, path, v)
	}
	size, err := scalar(s, path, v)
	if err != nil {
		return nil, err
	}
	c.constraints(s, path, v, size)
	return v, nil
}

func (c *checker) constraints(s *schema.Shape, path string, v any, size schema.Value) {
	for _, k := range s.Constraints {
		if !k.Holds(size) {
			c.violation(path, v, k.Text)
		}
	}
}

func (c *checker) structure(s *schema.Shape, path string, v any) (any, error) {
	given, ok := v.(map[string]any)
	if !ok {
		return nil, wrongType(s, path, v)
	}
	known := make(map[string]any, len(given))
	for _, m := range s.Members {
		at := join(path, m.Name)
		x := given[m.Name]
		if x == nil { // JSON's null is an absent member
			if m.Required {
				c.violation(at, nil, "Member must not be null")
			}
			continue
		}
		y, err := c.value(m.Shape.Shape, at, x)
		if err != nil {
			return nil, err
		}
		known[m.Name] = y
	}
	return known, nil
}

func (c *checker) list(s *schema.Shape, path string, v any) (any, error) {
	given, ok := v.([]any)
	if !ok {
		return nil, wrongType(s, path, v)
	}
	c.constraints(s, path, v, schema.Value{Size: float64(len(given))})
	known := make([]any, len(given))
	bad := false
	for i, x := range given {
		at := path + "." + strconv.Itoa(i+1) + ".member"
		if x == nil {
			c.violation(at, nil, "Member must not be null")
			continue
		}
		if isScalar(s.Member.Shape) {
			size, err := scalar(s.Member.Shape, at, x)
			if err != nil {
				return nil, err
			}
			bad = bad || !holds(s.Member.Shape, size)
			known[i] = x
			continue
		}
		y, err := c.value(s.Member.Shape, at, x)
		if err != nil {
			return nil, err
		}
		known[i] = y
	}
	// AWS answers for all scalar elements at once.
	if bad {
		c.violation(path, v, "Member must satisfy constraint: "+all(s.Member.Shape))
	}
	return known, nil
}

// mapping checks a map. Those of the model have scalar keys and values.
func (c *checker) mapping(s *schema.Shape, path string, v any) (any, error) {
	given, ok := v.(map[string]any)
	if !ok {
		return nil, wrongType(s, path, v)
	}
	c.constraints(s, path, v, schema.Value{Size: float64(len(given))})
	badKey, badValue := false, false
	for _, key := range slices.Sorted(maps.Keys(given)) {
		at := path + "." + key
		badKey = badKey || !holds(s.Key.Shape, schema.Text(key))
		x := given[key]
		if x == nil {
			c.violation(at+".member", nil, "Member must not be null")
			continue
		}
		size, err := scalar(s.Value.Shape, at, x)
		if err != nil {
			return nil, err
		}
		badValue = badValue || !holds(s.Value.Shape, size)
	}
	if badKey {
		c.violation(path, v, "Map keys must satisfy constraint: "+all(s.Key.Shape))
	}
	if badValue {
		c.violation(path, v, "Map value must satisfy constraint: "+all(s.Value.Shape))
	}
	return given, nil
}

func holds(s *schema.Shape, v schema.Value) bool {
	for _, k := range s.Constraints {
		if !k.Holds(v) {
			return false
		}
	}
	return true
}

// all is every constraint of s, as AWS lists them.
func all(s *schema.Shape) string {
	var texts []string
	for _, k := range s.Constraints {
		texts = append(texts, k.Text)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func isScalar(s *schema.Shape) bool {
	return s.Type != "structure" && s.Type != "list" && s.Type != "map"
}

// join appends a member to a path as AWS writes it, with a small first letter.
func join(path, member string) string {
	r := []rune(member)
	r[0] = unicode.ToLower(r[0])
	if path == "" {
		return string(r)
	}
	return path + "." + string(r)
}
