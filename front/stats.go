package front

// smallBody is how much of a request each connection may hold outside the budget: most requests never touch it.
const smallBody = 64 << 10

// Stats is what an operator may want to know of a server at one moment.
type Stats struct {
	Connections    int // open, those that were handed to the control plane included
	MaxConnections int
	BodyBytes      int64 // of large bodies being received or worked on
	MaxBodyBytes   int64
	Refused        map[string]int64 // requests and connections that broke a limit, by reason: each reason has an entry
}

// A reason is why a request or a connection was refused before anybody looked at what it asks for.
type reason uint8

const (
	byConnections reason = iota
	byHeader
	byShape
	byTimeout
	byBody
	byBodyBudget
	byPanic
	reasons
)

// names are the reasons as Stats and metrics have them.
var names = [reasons]string{
	byConnections: "connections",
	byHeader:      "header",
	byShape:       "malformed",
	byTimeout:     "timeout",
	byBody:        "body",
	byBodyBudget:  "body_budget",
	byPanic:       "panic",
}

// Stats returns the state of things now.
func (s *Server) Stats() Stats {
	now := Stats{
		Connections:    int(s.open.Load()),
		MaxConnections: s.opts.MaxConnections,
		BodyBytes:      s.bodies.Used(),
		MaxBodyBytes:   s.bodies.Limit(),
		Refused:        make(map[string]int64, reasons),
	}
	for why, name := range names {
		now.Refused[name] = s.refused[why].Load()
	}
	return now
}
