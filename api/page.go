package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"gnomon"
	"gnomon/control"
	"gnomon/sagemaker"
)

// defaultPage is how many resources a page holds when the request does not say.
const defaultPage = 10

// A paging is what all lists have in common: where to begin, and how much to give.
type paging struct {
	operation string
	token     *string
	max       *int32
}

// page returns the part of a list that the request asks for, each item as show puts it, and the token of the next
// part; nil: there is none.
func page[T, S any](ctx context.Context, p paging, q gnomon.Query, list func(context.Context, gnomon.Query) (control.Page[T], error), show func(*T) S) ([]S, *string, error) {
	bound := p.bind(q)
	if p.token != nil {
		after, err := readToken(*p.token, bound)
		if err != nil {
			return nil, nil, err
		}
		q.After = after
	}
	q.Limit = defaultPage
	if p.max != nil {
		q.Limit = int(*p.max)
	}
	found, err := list(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	shown := make([]S, len(found.Items))
	for i, item := range found.Items {
		shown[i] = show(item)
	}
	if found.Next == (gnomon.Cursor{}) {
		return shown, nil, nil
	}
	return shown, new(writeToken(found.Next, bound)), nil
}

// bind names the operation and its filters and order: a token continues only the list that it was given for.
func (p paging) bind(q gnomon.Query) string {
	b, err := json.Marshal(q)
	if err != nil {
		panic(err) // plain data always marshals
	}
	sum := sha256.Sum256(append([]byte(p.operation), b...))
	return hex.EncodeToString(sum[:8])
}

// tokenVersion is that of the form below. A token of another version is refused, as a page of an older Gnomon's list
// may not continue in a newer one's order.
const tokenVersion = 1

// A token is a NextToken before it is made opaque.
type token struct {
	Version int    `json:"v"`
	Bound   string `json:"q"`
	Key     string `json:"k"`
	Name    string `json:"n"`
}

func writeToken(c gnomon.Cursor, bound string) string {
	b, err := json.Marshal(token{Version: tokenVersion, Bound: bound, Key: c.Key, Name: c.Name})
	if err != nil {
		panic(err) // plain data always marshals
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readToken(s, bound string) (gnomon.Cursor, error) {
	var t token
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	c := gnomon.Cursor{Key: t.Key, Name: t.Name}
	switch {
	case err != nil, t.Name == "", writeToken(c, t.Bound) != s: // the last holds for other versions and anything made up
		return gnomon.Cursor{}, invalid("Invalid NextToken: it is not one that this operation has returned. Leave it out to begin with the first page.")
	case t.Bound != bound:
		return gnomon.Cursor{}, invalid("Invalid NextToken: it belongs to a list with another SortBy, SortOrder or other filters. Repeat those of the request that returned it, or leave it out.")
	}
	return c, nil
}

// sortKey returns the order that SortBy asks for; the default is by creation time.
func sortKey[K ~string](by K) gnomon.SortKey {
	switch string(by) {
	case "Name":
		return gnomon.ByName
	case "Status":
		return gnomon.ByStatus
	}
	return gnomon.ByCreated
}

// descending reports the direction that SortOrder asks for; the default is descending.
func descending[K ~string](order K) bool { return string(order) != string(sagemaker.OrderKeyAscending) }
