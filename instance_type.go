package gnomon

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// An InstanceType is one of AWS's machine sizes, such as "ml.m5.xlarge".
type InstanceType string

// A Machine is the size of an instance type.
type Machine struct {
	VCPU            int
	MemoryBytes     int64
	Accelerators    int
	AcceleratorKind string
}

// Machine returns the type's size. It reports false for a type that AWS does not have.
func (t InstanceType) Machine() (Machine, bool) {
	m, ok := machines()[t]
	return m, ok
}

// Inferentia1 reports whether the type is of the Inf1 family, which takes no part in shadow tests.
func (t InstanceType) Inferentia1() bool { return strings.HasPrefix(string(t), "ml.inf1.") }

// The sizes are those of the EC2 types of the same name; the column source of the file says who states them.
//
//go:embed instance_types.csv
var instanceTypes string

var machines = sync.OnceValue(func() map[InstanceType]Machine {
	rows, err := csv.NewReader(strings.NewReader(instanceTypes)).ReadAll()
	if err != nil {
		panic(err) // the file is part of the program
	}
	all := make(map[InstanceType]Machine, len(rows))
	for _, r := range rows[1:] {
		m, err := parseMachine(r)
		if err != nil {
			panic(fmt.Errorf("instance_types.csv: %s: %w", r[0], err))
		}
		all[InstanceType(r[0])] = m
	}
	return all
})

func parseMachine(r []string) (Machine, error) {
	cpu, err := strconv.Atoi(r[1])
	if err != nil {
		return Machine{}, err
	}
	gib, err := strconv.ParseFloat(r[2], 64)
	if err != nil {
		return Machine{}, err
	}
	acc, err := strconv.Atoi(r[3])
	if err != nil {
		return Machine{}, err
	}
	return Machine{VCPU: cpu, MemoryBytes: int64(gib * (1 << 30)), Accelerators: acc, AcceleratorKind: r[4]}, nil
}
