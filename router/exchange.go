package router

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// keptBody is the largest buffer that waits for the next request: one large request must not make all of them large.
const keptBody = 64 << 10

// An exchange is one request with what belongs to it. Production and its copy read the same bytes; whoever has read them
// last gives them back.
type exchange struct {
	refs   atomic.Int32
	home   *exchanges
	head   []byte // header lines for the model, with the empty line
	body   []byte
	id     []byte            // the request's
	answer fasthttp.Response // production's
	call   call              // production's
}

// retain adds a reader.
func (x *exchange) retain() { x.refs.Add(1) }

// release ends a reader's use.
func (x *exchange) release() {
	if x.refs.Add(-1) > 0 {
		return
	}
	if cap(x.body) > keptBody {
		x.body = nil
	}
	x.answer.Reset()
	x.body, x.head, x.id, x.call = x.body[:0], x.head[:0], x.id[:0], call{}
	x.home.pool.Put(x)
}

type exchanges struct{ pool sync.Pool }

// get returns an exchange that the caller holds.
func (p *exchanges) get() *exchange {
	x, _ := p.pool.Get().(*exchange)
	if x == nil {
		x = &exchange{home: p}
	}
	x.refs.Store(1)
	return x
}

// take moves the request's body into the exchange and leaves the request the buffer of an earlier one.
func (x *exchange) take(req *fasthttp.Request) { x.body = req.SwapBody(x.body[:0]) }
