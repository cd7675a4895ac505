package router

import (
	"gnomon/http1"
	"gnomon/reactor"
)

// maxAnswerHead is how long the head of a model's answer may be, in bytes.
const maxAnswerHead = 32 << 10

// An incoming is a model's answer as it comes. Its head and body are good until the next leg, those that lie in the
// loop's scratch memory only until the loop goes on.
type incoming struct {
	head     http1.Response
	headRoom []byte // memory for a head that does not come with all of the body
	inBody   bool
	chunks   http1.Chunks
	left     int64 // of a body whose length is known
	size     int64 // of the body so far
	limit    int64
	whole    bool
	got      int64 // bytes of anything
	surplus  bool  // something came behind the answer

	body []byte // if whole
	room []byte // the loop's memory, if it lies in that
	loop *reactor.Loop
}

// What has become of an answer by taking some bytes.
type answerState uint8

const (
	answerOpen  answerState = iota
	answerWhole             // it is there
	answerWrong             // it is not HTTP, or over the limit
	answerHeld              // it goes on, but no more may be read now
)

func (a *incoming) emptied() incoming {
	if a.room != nil {
		a.loop.Give(a.room)
	}
	return incoming{headRoom: emptied(a.headRoom)}
}

func (a *incoming) reset(limit int64, whole bool, loop *reactor.Loop) {
	*a = a.emptied()
	a.limit, a.whole, a.loop = limit, whole, loop
}

func (a *incoming) begun() bool { return a.got > 0 }

// untilClose reports whether the end of the connection ends the answer.
func (a *incoming) untilClose() bool { return a.inBody && a.head.Length == http1.UntilClose }

// keepsConnection reports whether a whole answer leaves a connection that another request can go on.
func (a *incoming) keepsConnection() bool { return !a.head.Close && !a.surplus }

// largeRead is from when on the rest of a body is read to where it belongs instead of being copied there.
const largeRead = 16 << 10

// space is where the next bytes are to be read into.
func (a *incoming) space(scratch []byte) []byte {
	if a.whole && a.inBody && a.head.Length > 0 && a.left > largeRead && len(a.body) > 0 {
		return a.body[len(a.body) : len(a.body)+int(a.left)]
	}
	return scratch
}

// take takes what was read.
func (a *incoming) take(data []byte, to work) answerState {
	a.got += int64(len(data))
	if a.inBody {
		return a.takeBody(data, to)
	}
	if len(a.headRoom) > 0 {
		a.headRoom = append(a.headRoom, data...)
		data = a.headRoom
	}
	for {
		n, err := a.head.Parse(data, maxAnswerHead)
		switch {
		case err != nil, n > 0 && a.head.Status == 101:
			return answerWrong
		case n == 0:
			a.headRoom = append(a.headRoom[:0], data...)
			return answerOpen
		}
		if a.head.Status >= 200 {
			return a.beginBody(data[:n], data[n:], to)
		}
		data = data[n:] // an interim answer
		if len(data) == 0 {
			a.headRoom = a.headRoom[:0]
			return answerOpen
		}
	}
}

// beginBody has a head, and what came with it.
func (a *incoming) beginBody(head, rest []byte, to work) answerState {
	a.inBody = true
	a.left = a.head.Length
	if a.head.Length > a.limit {
		return answerWrong
	}
	if a.whole && a.head.Length >= 0 && int64(len(rest)) >= a.head.Length {
		a.size, a.body = a.head.Length, rest[:a.head.Length]
		a.surplus = len(rest) > len(a.body)
		return answerWhole
	}
	a.saveHead(head)
	if a.whole && a.head.Length > 0 {
		a.room = a.loop.Take(int(a.head.Length))
		a.body = a.room
	}
	return a.takeBody(rest, to)
}

// saveHead keeps the head beyond this turn of the loop.
func (a *incoming) saveHead(head []byte) {
	a.headRoom = append(a.headRoom[:0], head...)
	a.head.Parse(a.headRoom, maxAnswerHead) // as before
}

func (a *incoming) takeBody(data []byte, to work) answerState {
	switch {
	case a.head.Length == http1.Chunked:
		return a.takeChunks(data, to)
	case a.head.Length == http1.UntilClose:
		return a.add(data, to)
	}
	run := data[:min(int64(len(data)), a.left)]
	a.left -= int64(len(run))
	a.surplus = len(run) < len(data)
	state := a.add(run, to)
	if state != answerWrong && a.left == 0 {
		return answerWhole
	}
	return state
}

func (a *incoming) takeChunks(data []byte, to work) answerState {
	state := answerOpen
	for {
		run, n, done, err := a.chunks.Next(data)
		if err != nil {
			return answerWrong
		}
		if len(run) > 0 {
			switch a.add(run, to) {
			case answerWrong:
				return answerWrong
			case answerHeld:
				state = answerHeld
			}
		}
		data = data[n:]
		if done {
			a.surplus = len(data) > 0
			return answerWhole
		}
		if n == 0 || len(data) == 0 {
			return state
		}
	}
}

// add takes a run of the body.
func (a *incoming) add(run []byte, to work) answerState {
	if a.size += int64(len(run)); a.size > a.limit {
		return answerWrong
	}
	if !a.whole {
		if len(run) > 0 && !to.part(run) {
			return answerHeld
		}
		return answerOpen
	}
	if len(run) > 0 && len(a.body) < cap(a.body) && &a.body[:len(a.body)+1][len(a.body)] == &run[0] {
		a.body = a.body[:len(a.body)+len(run)] // it was read to where it belongs
		return answerOpen
	}
	if n := len(a.body) + len(run); n > cap(a.body) {
		a.room = a.loop.Grow(a.body, max(n, min(2*cap(a.body), int(a.limit))))
		a.body = a.room
	}
	a.body = append(a.body, run...)
	return answerOpen
}
