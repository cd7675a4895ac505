package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"gnomon"
	"gnomon/front"
	"gnomon/router"

	"golang.org/x/sync/errgroup"
)

// serveProxy serves three endpoints with fixed routes: plain, mirrored, and emptied, whose shadow answers without a body.
func serveProxy(models []string, ready func(...string)) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r := router.New(router.Options{}, &tally{}, log)
	var routes gnomon.Routes
	for _, e := range []struct{ name, shadow string }{{"plain", ""}, {"mirrored", models[1]}, {"emptied", models[2]}} {
		route := gnomon.EndpointRoute{
			Name: gnomon.EndpointName(e.name), ID: e.name, Production: []gnomon.VariantRoute{variant(e.name+"-production", models[0])},
		}
		if e.shadow != "" {
			route.Mirror = &gnomon.MirrorRoute{
				ID: gnomon.MirrorID(e.name), Source: route.Production[0].Name, Shadow: variant(e.name+"-shadow", e.shadow), Fraction: 1,
			}
		}
		routes.Endpoints = append(routes.Endpoints, route)
	}
	r.Publish(routes)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := front.New(front.Options{Runtime: r.Serve, Control: http.NotFoundHandler(), Log: log})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.Run(ctx) })
	group.Go(func() error { return server.Serve(ctx, ln) })
	ready(ln.Addr().String())
	return group.Wait()
}

func variant(name, address string) gnomon.VariantRoute {
	return gnomon.VariantRoute{
		Name: gnomon.VariantName(name), Weight: 1, Routing: gnomon.LeastOutstandingRequests,
		Instances: []gnomon.InstanceRoute{{ID: gnomon.InstanceID{Fleet: gnomon.FleetID(name)}, Address: address}},
	}
}

// tally is a recorder that only adds up.
type tally struct{ legs, begun, ended atomic.Int64 }

func (t *tally) Series(gnomon.Series) gnomon.LegRecorder      { return t }
func (t *tally) Mirror(gnomon.MirrorID) gnomon.MirrorRecorder { return t }
func (t *tally) Record(gnomon.Leg)                            { t.legs.Add(1) }
func (t *tally) Begin()                                       { t.begun.Add(1) }
func (t *tally) End(gnomon.Bucket)                            { t.ended.Add(1) }
