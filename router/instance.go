package router

import (
	"net"
	"net/netip"
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
	key     instanceKey
	address netip.AddrPort // invalid if the name is unknown: then nobody can connect
	line    []byte         // the request line and the Host header

	// By loop. A shadow may become production while it works. What it did as the one must not be felt by the other.
	production, shadow []*pool

	// state is the number of claims, with the bit retired once the instance has left the routes. They share a word so
	// that a claim and a retirement are in one order for everybody.
	state atomic.Int64
}

const retired = 1 << 62

func newInstance(key instanceKey, lanes []*lane) *instance {
	in := &instance{key: key, address: resolve(key.address), line: []byte("POST /invocations HTTP/1.1\r\nHost: " + key.address + "\r\n")}
	for _, l := range lanes {
		in.production = append(in.production, &pool{in: in, lane: l})
		in.shadow = append(in.shadow, &pool{in: in, lane: l})
	}
	return in
}

func resolve(address string) netip.AddrPort {
	if a, err := netip.ParseAddrPort(address); err == nil {
		return a
	}
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return netip.AddrPort{}
	}
	return a.AddrPort()
}

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

// close closes the connections that are kept to the instance.
func (in *instance) close() {
	for i := range in.production {
		production, shadow := in.production[i], in.shadow[i]
		production.lane.loop.Post(func() { production.close(); shadow.close() })
	}
}

// connections counts those that are open, and those of them that are idle.
func (in *instance) connections() (open, idle int) {
	for i := range in.production {
		for _, p := range []*pool{in.production[i], in.shadow[i]} {
			open += int(p.open.Load())
			idle += int(p.unused.Load())
		}
	}
	return open, idle
}
