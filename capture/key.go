package capture

import (
	"fmt"
	"strings"
	"time"

	"gnomon"
)

// Extension is that of objects with records.
const Extension = ".jsonl"

// timesFolder is beside the variants' folders, under a name that no variant can have: whoever reads a variant's folder finds
// nothing there but records.
const timesFolder = "_times"

// objectURI is where the records go that are written into an object begun at the given time: under the destination by
// endpoint, variant and hour (UTC), named after minute, second and millisecond.
func objectURI(s gnomon.CaptureStream, at time.Time, id string) string {
	return under(s, string(s.Variant), at, id+Extension)
}

// timesURI is where the times of those records go.
func timesURI(s gnomon.CaptureStream, at time.Time, id string) string {
	return under(s, timesFolder+"/"+string(s.Variant), at, id+Extension)
}

func under(s gnomon.CaptureStream, folder string, at time.Time, name string) string {
	at = at.UTC()
	return fmt.Sprintf("%s/%s/%s/%s-%03d-%s", Directory(s.Destination), s.Endpoint, folder, at.Format("2006/01/02/15/04-05"),
		at.Nanosecond()/int(time.Millisecond), name)
}

// Directory is a destination without the empty names between slashes, which no folder can hold.
func Directory(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	parts := strings.FieldsFunc(rest, func(r rune) bool { return r == '/' })
	return scheme + "://" + strings.Join(parts, "/")
}
