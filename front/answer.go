package front

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// A fault is an error as AWS's clients understand it.
type fault struct {
	why     reason
	status  int
	name    string
	message string
}

var (
	tooManyConnections = fault{byConnections, 503, "ServiceUnavailable", "There are too many connections."}
	headerTooLarge     = fault{byHeader, 431, "MalformedHttpRequestException", "The request header is too large."}
	overBudget         = fault{byBodyBudget, 503, "ServiceUnavailable", "Too much is being received at once. Please try again."}
	timedOut           = fault{byTimeout, 408, "RequestTimeoutException", "The request was not received in time."}
	panicked           = fault{byPanic, 500, "InternalFailure", ""}
)

// tooLarge distinguishes the two planes.
func (c *client) tooLarge() fault {
	o := &c.lane.server.opts
	if c.isRuntime() {
		return fault{byBody, 400, "ValidationError", fmt.Sprintf("1 validation error detected: Value at 'body' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", o.MaxRuntimeBody)}
	}
	return fault{byBody, 413, "RequestEntityTooLargeException", fmt.Sprintf("The request body is larger than %d bytes.", o.MaxControlBody)}
}

// malformed refuses what can be read in more than one way, or in none.
func malformed(err error) fault {
	return fault{byShape, 400, "MalformedHttpRequestException", "The request is not valid HTTP: " + err.Error() + "."}
}

func (f fault) fields() []byte {
	return []byte("Content-Type: application/json\r\nx-amzn-errortype: " + f.name + "\r\n")
}

func (f fault) json() []byte {
	b, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:",omitempty"`
	}{f.name, f.message})
	if err != nil {
		panic(err) // two strings always marshal
	}
	return b
}

// newID writes a random UUID. It names a request and keeps no secret, so the cheap generator will do.
func newID(dst *[36]byte) {
	var b [16]byte
	hi, lo := rand.Uint64(), rand.Uint64()
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	hex.Encode(dst[0:8], b[0:4])
	hex.Encode(dst[9:13], b[4:6])
	hex.Encode(dst[14:18], b[6:8])
	hex.Encode(dst[19:23], b[8:10])
	hex.Encode(dst[24:36], b[10:16])
	dst[8], dst[13], dst[18], dst[23] = '-', '-', '-', '-'
}
