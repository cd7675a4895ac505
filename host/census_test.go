package host

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
)

// A measuring driver says what its instances use.
type measuring struct {
	*fake
	load Load
	err  error
}

func (m *measuring) Measure(_ context.Context, ids []gnomon.InstanceID) (map[gnomon.InstanceID]Load, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[gnomon.InstanceID]Load)
	for _, id := range ids {
		all[id] = m.load
	}
	if m.err != nil {
		return nil, m.err
	}
	return all, nil
}

// observed collects what a host tells.
type observed struct {
	mu  sync.Mutex
	all []gnomon.Census
}

func (o *observed) take() []gnomon.Census {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all
	o.all = nil
	return all
}

// observing runs a host over a measuring driver.
func observing(t *testing.T, story func(t *testing.T, h *Host, m *measuring, o *observed)) {
	m := &measuring{fake: newFake(), load: Load{Memory: 40, Disk: 2}}
	synctest.Test(t, func(t *testing.T) {
		inBubbleOf(t, m, m.fake, func(t *testing.T, h *Host) {
			o := new(observed)
			h.Observe(func(c gnomon.Census) {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.all = append(o.all, c)
			})
			story(t, h, m, o)
		})
	})
}

func TestHost_TellsWhatInstancesUse(t *testing.T) {
	observing(t, func(t *testing.T, h *Host, m *measuring, o *observed) {
		f := fleet(2)
		f.Endpoint = "shop"
		h.Ensure(t.Context(), f)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		for _, c := range o.take() { // as soon as they are in service
			if c.InService < 1 || len(c.Used) > 0 || c.Series != (gnomon.Series{EndpointID: "e", Endpoint: "shop", Variant: "v"}) {
				t.Errorf("before the first measurement: %+v", c)
			}
		}
		time.Sleep(2 * time.Second) // measured once
		o.take()
		m.set(func() { m.load.CPU = 15 * time.Second })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		all := o.take()
		want := gnomon.Use{CPU: 150, Memory: 40, Disk: 2}
		if len(all) != 1 || all[0].InService != 2 || len(all[0].Used) != 2 || all[0].Used[0] != want || all[0].Used[1] != want {
			t.Errorf("ten seconds, 15 of processors each: %+v, want two with %+v", all, want)
		}
	})
}

func TestHost_MeasuresAServerThatIsStartedAnewFromItsBeginning(t *testing.T) {
	observing(t, func(t *testing.T, h *Host, m *measuring, o *observed) {
		h.Ensure(t.Context(), fleet(1))
		m.set(func() { m.load.CPU = time.Hour })
		time.Sleep(11 * time.Second)
		m.set(func() { m.load.CPU = time.Second })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, c := range o.take() {
			if len(c.Used) > 0 {
				t.Errorf("compared with the server before: %+v", c)
			}
		}
		m.set(func() { m.load.CPU = 2 * time.Second })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if all := o.take(); len(all) != 1 || len(all[0].Used) != 1 || all[0].Used[0].CPU != 10 {
			t.Errorf("a second in ten: %+v", all)
		}
	})
}

func TestHost_TellsOfInstancesInServiceOnly(t *testing.T) {
	observing(t, func(t *testing.T, h *Host, m *measuring, o *observed) {
		h.Ensure(t.Context(), fleet(1))
		time.Sleep(11 * time.Second)
		m.set(func() { m.answer = func() (int, error) { return http.StatusServiceUnavailable, nil } })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		o.take()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if all := o.take(); len(all) > 0 {
			t.Errorf("out of service: %+v", all)
		}
	})
}

func TestHost_CountsInstancesThatCannotBeMeasured(t *testing.T) {
	observing(t, func(t *testing.T, h *Host, m *measuring, o *observed) {
		m.set(func() { m.err = errors.New("no /proc") })
		h.Ensure(t.Context(), fleet(1))
		time.Sleep(11 * time.Second)
		o.take()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if all := o.take(); len(all) != 1 || all[0].InService != 1 || len(all[0].Used) != 0 {
			t.Errorf("%+v, want one without a use", all)
		}
	})
}
