package cloudwatch

import (
	"cmp"
	"reflect"
	"slices"
	"time"
)

// shown reports whether a member is part of an answer.
func shown(m member, f reflect.Value) bool {
	switch f.Kind() {
	case reflect.Slice:
		return f.Len() > 0 || !m.omitEmpty
	default:
		return !f.IsZero()
	}
}

// plain returns an output as maps, lists and scalars, with what at makes of times.
func plain(v reflect.Value, at func(time.Time) any) any {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Type() == timeType:
		return at(v.Interface().(time.Time))
	case v.Kind() == reflect.Struct:
		all := make(map[string]any)
		for _, m := range membersOf(v.Type()) {
			if f := v.Field(m.index); shown(m, f) {
				all[m.name] = plain(f, at)
			}
		}
		return all
	case v.Kind() == reflect.Slice:
		all := make([]any, v.Len())
		for i := range all {
			all[i] = plain(v.Index(i), at)
		}
		return all
	}
	return v.Interface()
}

func sortedKeys(m reflect.Value) []reflect.Value {
	return slices.SortedFunc(slices.Values(m.MapKeys()), func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
}
