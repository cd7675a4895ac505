package cloudwatch

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// mostFaults is how many faults of a request an answer spells out.
const mostFaults = 100

// decode fills in, a pointer to an input, from a tree. It tells of everything that is wrong at once; invalid is the code
// for that. A value of the wrong type ends it, as at AWS, where requests are parsed before they are validated.
func decode(in, tree any, invalid string) error {
	d := decoder{}
	if f, ok := tree.(form); ok {
		d.form, tree = true, map[string]any(f)
	}
	if err := d.structure(reflect.ValueOf(in).Elem(), "", tree); err != nil {
		return err
	}
	if len(d.faults) == 0 {
		return nil
	}
	code := invalid
	if d.missing == len(d.faults) && invalid == codeInvalidParameter {
		code = codeMissingParameter
	}
	return &Error{Code: code, Message: strings.Join(d.faults, "\n")}
}

// A decoder walks a tree along a shape.
type decoder struct {
	form    bool // strings stand for scalars of other types
	faults  []string
	missing int
}

func (d *decoder) fault(format string, args ...any) {
	if len(d.faults) < mostFaults {
		d.faults = append(d.faults, fmt.Sprintf(format, args...))
	}
}

// A member is one member of a structure, and what is asked of it.
type member struct {
	index     int
	name      string
	required  bool
	omitEmpty bool
	min, max  int // 0: no bound
	in, is    string
}

var (
	shapes   sync.Map // reflect.Type to []member
	compiled = func() map[string]*regexp.Regexp {
		all := make(map[string]*regexp.Regexp)
		for name, p := range patterns {
			all[name] = regexp.MustCompile(p)
		}
		return all
	}()
)

// membersOf returns the members of a structure, in its order.
func membersOf(t reflect.Type) []member {
	if all, ok := shapes.Load(t); ok {
		return all.([]member)
	}
	var all []member
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Name
		if n, ok := strings.CutSuffix(name, "ID"); ok {
			name = n + "Id"
		}
		all = append(all, parseTag(member{index: i, name: name}, f.Tag.Get("cloudwatch")))
	}
	shapes.Store(t, all)
	return all
}

func parseTag(m member, tag string) member {
	for _, part := range strings.FieldsFunc(tag, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(part, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "required":
			m.required = true
		case "omitempty":
			m.omitEmpty = true
		case "min":
			m.min = n
		case "max":
			m.max = n
		case "in":
			m.in = value
		case "is":
			m.is = value
		default:
			panic("tag of " + m.name + ": " + part)
		}
	}
	return m
}

var timeType = reflect.TypeFor[time.Time]()

func (d *decoder) structure(v reflect.Value, path string, tree any) error {
	given, ok := tree.(map[string]any)
	if !ok {
		return wrongType(path, "a structure")
	}
	for _, m := range membersOf(v.Type()) {
		at := m.name
		if path != "" {
			at = path + "." + m.name
		}
		x := given[m.name]
		if x == nil { // null is an absent member
			if m.required {
				d.missing++
				d.fault("The parameter %s is required.", at)
			}
			continue
		}
		if err := d.value(v.Field(m.index), m, at, x); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) value(v reflect.Value, m member, path string, x any) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch {
	case v.Type() == timeType:
		t, ok := x.(time.Time)
		if !ok {
			return d.scalar(path, x, "a timestamp", func(s string) bool { t, ok = parseTime(s); return ok }, func() { v.Set(reflect.ValueOf(t)) })
		}
		v.Set(reflect.ValueOf(t))
		return nil
	case v.Kind() == reflect.Struct:
		return d.structure(v, path, x)
	case v.Kind() == reflect.Slice:
		return d.list(v, m, path, x)
	case v.Kind() == reflect.String:
		s, ok := x.(string)
		if !ok {
			return wrongType(path, "a string")
		}
		v.SetString(s)
		d.text(m, path, s)
		return nil
	case v.Kind() == reflect.Bool:
		b, ok := x.(bool)
		if ok {
			v.SetBool(b)
			return nil
		}
		return d.scalar(path, x, "true or false", func(s string) bool {
			b = s == "true"
			return b || s == "false"
		}, func() { v.SetBool(b) })
	default:
		return d.integer(v, m, path, x)
	}
}

// scalar sets a member from a form's string, or tells what is wrong with it.
func (d *decoder) scalar(path string, x any, what string, parse func(string) bool, set func()) error {
	s, ok := x.(string)
	switch {
	case !ok || !d.form:
		return wrongType(path, what)
	case !parse(s):
		d.fault("The value %s for parameter %s is not %s.", clip(s), path, what)
	default:
		set()
	}
	return nil
}

// integer sets a whole number of 32 bits.
func (d *decoder) integer(v reflect.Value, m member, path string, x any) error {
	var n int64
	switch x := x.(type) {
	case int64:
		n = x
	case float64:
		if x != math.Trunc(x) || math.Abs(x) > math.MaxInt32 {
			return wrongType(path, "an integer")
		}
		n = int64(x)
	case string:
		if !d.form {
			return wrongType(path, "an integer")
		}
		var err error
		if n, err = strconv.ParseInt(x, 10, 32); err != nil {
			d.fault("The value %s for parameter %s is not an integer.", clip(x), path)
			return nil
		}
	default:
		return wrongType(path, "an integer")
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return wrongType(path, "an integer of 32 bits")
	}
	v.SetInt(n)
	if m.min != 0 && n < int64(m.min) {
		d.fault("The parameter %s must be greater than or equal to %d.", path, m.min)
	}
	return nil
}

// text checks a string.
func (d *decoder) text(m member, path, s string) {
	n := utf8.RuneCountInString(s)
	switch {
	case m.in != "" && !slices.Contains(sets[m.in], s):
		d.fault("The parameter %s must be a value in the set [ %s ].", path, strings.Join(sets[m.in], ", "))
	case n < m.min:
		d.fault("The parameter %s must have a length of at least %d.", path, m.min)
	case m.max > 0 && n > m.max:
		d.fault("The parameter %s must have a length of at most %d.", path, m.max)
	case m.is != "" && !compiled[m.is].MatchString(s):
		d.fault("The value %s for parameter %s is not matching the expected pattern %s.", clip(s), path, patterns[m.is])
	}
}

// list fills a list. Its size is checked first: one that is too long is not looked at any further.
func (d *decoder) list(v reflect.Value, m member, path string, x any) error {
	elements, err := d.elements(path, x)
	if err != nil {
		return err
	}
	switch {
	case m.max > 0 && len(elements) > m.max:
		d.fault("The collection %s must not have a size greater than %d.", path, m.max)
		return nil
	case len(elements) < m.min:
		d.fault("The collection %s must have a size of at least %d.", path, m.min)
		return nil
	}
	v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
	of := member{in: m.in}
	for i, e := range elements {
		at := path + ".member." + strconv.Itoa(i+1)
		if e == nil {
			return wrongType(at, "a value")
		}
		if err := d.value(v.Index(i), of, at, e); err != nil {
			return err
		}
	}
	return nil
}

// elements returns the elements of a list. In a form it is a map {"member": {"1": …, "2": …}}, or an empty string.
func (d *decoder) elements(path string, x any) ([]any, error) {
	all, ok := x.([]any)
	if ok {
		return all, nil
	}
	if s, empty := x.(string); d.form && empty && s == "" {
		return nil, nil
	}
	list, ok := x.(map[string]any)
	numbered, has := list["member"].(map[string]any)
	if !d.form || !ok || !has || len(list) != 1 {
		return nil, wrongType(path, "a list")
	}
	return inOrder(path, numbered)
}

// inOrder returns a form's elements by their numbers. There may be gaps.
func inOrder(path string, numbered map[string]any) ([]any, error) {
	var numbers []int
	for key := range numbered {
		n, err := strconv.ParseUint(key, 10, 31)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != key {
			return nil, malformed("The parameter %s.member.%s has no number of an element", path, clip(key))
		}
		numbers = append(numbers, int(n))
	}
	slices.Sort(numbers)
	all := make([]any, len(numbers))
	for i, n := range numbers {
		all[i] = numbered[strconv.Itoa(n)]
	}
	return all, nil
}

func wrongType(path, want string) error {
	if path == "" {
		path = "the input"
	}
	return malformed("%s must be %s", path, want)
}

// Times are those of four-digit years, which every protocol can write.
var (
	firstTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// parseTime reads a time of the query protocol: ISO 8601, in UTC unless it says otherwise.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", time.DateOnly,
		"2006-01-02T15:04:05.999999999Z0700",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return bounded(t)
		}
	}
	return time.Time{}, false
}

// unixTime returns the time so many seconds after 1970, to the millisecond.
func unixTime(seconds float64) (time.Time, bool) {
	if !(seconds >= float64(firstTime.Unix()) && seconds <= float64(lastTime.Unix())) {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	return bounded(time.Unix(int64(whole), int64(math.Round(part*1e3))*1e6)) // times have milliseconds at most
}

func bounded(t time.Time) (time.Time, bool) {
	t = t.UTC()
	return t, !t.Before(firstTime) && !t.After(lastTime)
}
