package sigv4

import (
	"bytes"
	"net/http"
	"time"
)

// maxSignedHeaders bounds the work a stranger can ask for: each signed header
// is searched for among all headers. Clients sign about ten.
const maxSignedHeaders = 128

// authorization is a parsed Authorization header; its slices alias it.
type authorization struct {
	algorithm     []byte
	credential    []byte
	signedHeaders []byte
	signature     []byte

	keyID, date, region, service, terminator []byte // the credential's elements
}

// scope is the credential without its key id.
func (a *authorization) scope() []byte { return a.credential[len(a.keyID)+1:] }

// parseAuthorization reads the Authorization header, names everything that it
// lacks in one error, and refuses the other ways of signing.
func parseAuthorization(r *Request, seen *surveyed) (authorization, error) {
	presigned := isPresigned(r.RequestURI)
	header := seen.authorization
	switch {
	case seen.authorizations > 1:
		return authorization{}, errRepeatedAuthorization()
	case presigned && len(header) > 0:
		return authorization{}, errHeaderAndQuery()
	case presigned:
		return authorization{}, errPresigned()
	case !bytes.HasPrefix(header, []byte("AWS4-")):
		return authorization{}, errMissingToken()
	}
	var a authorization
	var rest []byte
	a.algorithm, rest, _ = bytes.Cut(header, []byte(" "))
	if err := a.parseParameters(rest, header); err != nil {
		return authorization{}, err
	}
	if len(a.credential) == 0 || len(a.signature) == 0 || len(a.signedHeaders) == 0 || len(seen.date) == 0 {
		return authorization{}, errMissingParameters(&a, len(seen.date) > 0, header)
	}
	return a, nil
}

// parseParameters reads key=value pairs that commas, spaces or both separate.
// A parameter of another name is ignored; one that comes twice is refused.
func (a *authorization) parseParameters(rest, header []byte) error {
	for len(rest) > 0 {
		end := bytes.IndexAny(rest, ", \t")
		pair := rest
		if end >= 0 {
			pair, rest = rest[:end], rest[end+1:]
		} else {
			rest = nil
		}
		if len(pair) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(pair, []byte("="))
		if !ok {
			return errNoEqualSign(header)
		}
		var field *[]byte
		switch string(name) {
		case "Credential":
			field = &a.credential
		case "SignedHeaders":
			field = &a.signedHeaders
		case "Signature":
			field = &a.signature
		default:
			continue
		}
		if *field != nil {
			return errRepeatedParameter(name)
		}
		*field = value
	}
	return nil
}

// checkForm checks what can be told from the header alone, and splits the
// credential.
func (a *authorization) checkForm() error {
	if err := checkSignedHeaders(a.signedHeaders); err != nil {
		return err
	}
	if string(a.algorithm) != algorithm {
		return errAlgorithm(a.algorithm)
	}
	if bytes.Count(a.credential, []byte("/")) != 4 {
		return errCredential(a.credential)
	}
	rest := a.credential
	for _, element := range []*[]byte{&a.keyID, &a.date, &a.region, &a.service, &a.terminator} {
		*element, rest, _ = bytes.Cut(rest, []byte("/"))
	}
	return nil
}

// checkSignedHeaders requires names in lower case, in strictly ascending
// order, host among them. A client that lists them otherwise has built another
// canonical request than AWS does, so the answer is AWS's to that.
func checkSignedHeaders(list []byte) error {
	var last []byte
	host, count := false, 0
	for len(list) > 0 {
		var name []byte
		name, list, _ = bytes.Cut(list, []byte(";"))
		count++
		if count > maxSignedHeaders || bytes.Compare(last, name) >= 0 || !isLowerCase(name) {
			return errSignedHeaders()
		}
		host = host || string(name) == "host"
		last = name
	}
	if !host {
		return errHostNotSigned()
	}
	return nil
}

func isLowerCase(name []byte) bool {
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// checkTime returns the time of the signature in ISO 8601 basic format, if it
// is near enough to now. A Date header, which old clients send instead of
// X-Amz-Date, is rewritten into dst.
func checkTime(dst []byte, seen *surveyed, now time.Time) ([]byte, error) {
	stamp := seen.date
	at, err := parseBasic(stamp)
	if err != nil && !seen.amzDate {
		at, err = time.Parse(http.TimeFormat, string(stamp))
		stamp = at.AppendFormat(dst, basicFormat)
	}
	if err != nil {
		return nil, errDate(seen.date)
	}
	// A stamp has whole seconds, so the clock is compared in whole seconds too.
	now = now.UTC().Truncate(time.Second)
	switch {
	case at.Before(now.Add(-MaxSkew)):
		return nil, errExpired(stamp, now)
	case at.After(now.Add(MaxSkew)):
		return nil, errNotYetCurrent(stamp, now)
	}
	return stamp, nil
}

func parseBasic(stamp []byte) (time.Time, error) {
	// time.Parse would let fractions of a second pass.
	if len(stamp) != len(basicFormat) {
		return time.Time{}, &time.ParseError{}
	}
	return time.Parse(basicFormat, string(stamp))
}

// isPresigned reports whether the signature, or a part of it, is in the query.
func isPresigned(uri []byte) bool {
	_, query, _ := bytes.Cut(uri, []byte("?"))
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		name, _, _ := bytes.Cut(pair, []byte("="))
		if string(name) == "X-Amz-Signature" || string(name) == "X-Amz-Algorithm" {
			return true
		}
	}
	return false
}
