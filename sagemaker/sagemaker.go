// Package sagemaker is the wire of the SageMaker control plane: the shapes of
// the served operations, their constraints, and the AWS JSON 1.1 protocol that
// carries them.
//
// Start at [NewServer], which answers HTTP requests with a [Handler]. Everything
// that AWS's model states about a request (required members, lengths, ranges,
// patterns, enumerations) is checked before the handler sees it, and worded as
// AWS words it. The facts are in model.json; shapes_gen.go is generated from it.
//
// The package has no opinions: it does not know what an operation means, who may
// call it, or where anything is kept.
package sagemaker

import (
	_ "embed"
	"iter"
	"slices"
	"strings"
	"sync"

	"gnomon/sagemaker/internal/schema"
)

//go:generate go run ./internal/shapegen

//go:embed model.json
var modelJSON []byte

var model = sync.OnceValue(func() *schema.Model {
	m, err := schema.Parse(modelJSON)
	if err != nil {
		panic(err) // compiled in, and read by every test
	}
	return m
})

// Operations returns the names of the served operations.
func Operations() []string {
	var names []string
	for _, op := range model().Operations {
		names = append(names, op.Name)
	}
	return names
}

// InstanceTypes returns every instance type that a request may name.
func InstanceTypes() []string {
	return slices.Clone(model().Shapes["ProductionVariantInstanceType"].Enum)
}

// InputMember is one place in the input of an operation.
type InputMember struct {
	// Path names the member from the input down: "Tags[].Key" is the key of each
	// tag, "Environment{}" each value of a map.
	Path string

	// Type is structure, list, map, string, integer, float, boolean or timestamp.
	Type string

	// Required tells that the member must be there if what holds it is.
	Required bool
}

// InputMembers walks everything that a request for operation can carry, holders
// before what they hold. An operation that is not served has nothing.
func InputMembers(operation string) iter.Seq[InputMember] {
	return func(yield func(InputMember) bool) {
		if op, ok := find(operation); ok {
			members(op.Input.Shape, "", yield)
		}
	}
}

func members(s *schema.Shape, path string, yield func(InputMember) bool) bool {
	switch s.Type {
	case "list":
		return members(s.Member.Shape, path+"[]", yield)
	case "map":
		return members(s.Value.Shape, path+"{}", yield)
	}
	for _, m := range s.Members {
		at := strings.TrimPrefix(path+"."+m.Name, ".")
		if !yield(InputMember{Path: at, Type: m.Shape.Type, Required: m.Required}) {
			return false
		}
		if !members(m.Shape.Shape, at, yield) {
			return false
		}
	}
	return true
}

func find(operation string) (schema.Operation, bool) {
	ops := model().Operations
	i := slices.IndexFunc(ops, func(op schema.Operation) bool { return op.Name == operation })
	if i < 0 {
		return schema.Operation{}, false
	}
	return ops[i], true
}
