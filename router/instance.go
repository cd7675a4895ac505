package router

import (
	"sync/atomic"

	"gnomon"
)

// instanceKey tells apart what must not share connections: an instance that was restarted may listen elsewhere.
type instanceKey struct {
	id      gnomon.InstanceID
	address string
}

// An instance is one model server. Whoever asks it something holds a claim meanwhile.
type instance struct {
	key  instanceKey
	line []byte // the request line and the Host header

	// A shadow may become production while it works. What it did as the one must not be felt by the other.
	production, shadow pool

	// state is the number of claims, with the bit retired once the instance has left the routes. They share a word so
	// that a claim and a retirement are in one order for everybody.
	state atomic.Int64
}

const retired = 1 << 62

func newInstance(key instanceKey, o *Options) *instance {
	in := &instance{key: key, line: []byte("POST /invocations HTTP/1.1\r\nHost: " + key.address + "\r\n")}
	for _, p := range in.pools() {
		p.address, p.connectTimeout, p.maxIdle = key.address, o.ConnectTimeout, o.MaxIdleConnections
	}
	return in
}

func (in *instance) pools() [2]*pool { return [2]*pool{&in.production, &in.shadow} }

// claim reports whether the instance may be asked; then release must follow.
func (in *instance) claim(max int) bool {
	if n := in.state.Add(1); n&retired == 0 && n <= int64(max) {
		return true
	}
	in.state.Add(-1)
	return false
}

func (in *instance) release() { in.state.Add(-1) }

func (in *instance) claims() int { return int(in.state.Load() &^ retired) }

// retire makes claims impossible from now on.
func (in *instance) retire() { in.state.Or(retired) }

// restore undoes retire.
func (in *instance) restore() { in.state.And(^retired) }

// done reports whether the instance is retired and nobody holds a claim.
func (in *instance) done() bool { return in.state.Load() == retired }
