package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go"
)

var seed = flag.Uint64("seed", 0, "of the moments at which TestKill kills; 0: another one each time")

// TestKill kills the server at random moments while an owner makes, starts, changes, stops and promotes experiments
// under traffic, and looks after each start whether everything is as it should be.
func TestKill(t *testing.T) {
	const owners, kills = 2, 10
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	for n := range owners {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			t.Logf("to see this again: -seed %d", from)
			o := newOwner(t, rand.New(rand.NewPCG(from, uint64(n))))
			for range kills {
				o.actAndKill()
				if o.settle(); t.Failed() {
					return
				}
			}
			o.finish()
		})
	}
}

// An owner works with experiments on one endpoint, and remembers what the server has acknowledged.
type owner struct {
	client
	t      *testing.T
	random *rand.Rand
	made   []string        // experiments asked for, in this order
	acked  map[string]bool // those of them whose creation was acknowledged
	sent   atomic.Int64    // requests
	did    map[string]int  // calls that were acknowledged, by kind
}

func newOwner(t *testing.T, random *rand.Rand) *owner {
	t.Helper()
	o := &owner{t: t, random: random, acked: make(map[string]bool), did: make(map[string]int)}
	o.client = newServer(t, "start_lead: 0s\n").client()
	o.faults("none")
	o.serving("e", "none")
	return o
}

// actAndKill works, under traffic, until the server is killed at a random moment.
func (o *owner) actAndKill() {
	ctx, cancel := context.WithCancel(o.t.Context())
	defer cancel()
	moment := time.Now().Add(time.Duration(o.random.Int64N(int64(1500 * time.Millisecond))))
	var group sync.WaitGroup
	group.Go(func() { o.act(ctx) })
	group.Go(func() { o.traffic(ctx) })
	o.s.awaitTime(moment)
	o.s.kill()
	cancel()
	group.Wait()
}

// traffic sends requests until one is not answered.
func (o *owner) traffic(ctx context.Context) {
	for ctx.Err() == nil {
		o.sent.Add(1)
		if _, err := o.send("e", "request"); err != nil {
			if refused(err) {
				o.t.Errorf("a request was answered with %v", err)
			}
			return
		}
	}
}

// refused reports whether the server answered with an error, rather than not at all.
func refused(err error) bool {
	_, answered := errors.AsType[smithy.APIError](err)
	return answered
}

// act makes one call after the other, until the server does not answer.
func (o *owner) act(ctx context.Context) {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if err := o.next(ctx); err != nil {
			if refused(err) {
				o.t.Errorf("a legal call was answered with %v", err)
			}
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// next makes one call that is legal now, if there is one.
func (o *owner) next(ctx context.Context) error {
	if len(o.made) == 0 {
		return o.create(ctx)
	}
	name := o.made[len(o.made)-1]
	x, err := o.DescribeInferenceExperiment(ctx, &sagemaker.DescribeInferenceExperimentInput{Name: &name})
	if _, gone := errors.AsType[*types.ResourceNotFound](err); gone && !o.acked[name] {
		return o.create(ctx)
	}
	if err != nil {
		return err
	}
	switch x.Status {
	case types.InferenceExperimentStatusCreated:
		return o.note("start")(o.StartInferenceExperiment(ctx, &sagemaker.StartInferenceExperimentInput{Name: &name}))
	case types.InferenceExperimentStatusRunning:
		return o.change(ctx, x)
	case types.InferenceExperimentStatusCompleted, types.InferenceExperimentStatusCancelled:
		return o.create(ctx)
	}
	return nil // on the way somewhere
}

// note counts a call that was acknowledged.
func (o *owner) note(kind string) func(any, error) error {
	return func(_ any, err error) error {
		if err == nil {
			o.did[kind]++
		}
		return err
	}
}

// create makes an experiment that runs at once, or one that waits to be started.
func (o *owner) create(ctx context.Context) error {
	e, err := o.DescribeEndpoint(ctx, &sagemaker.DescribeEndpointInput{EndpointName: aws.String("e")})
	if err != nil {
		return err
	}
	if e.EndpointStatus != types.EndpointStatusInService {
		o.t.Errorf("every experiment rests and the endpoint is %s", e.EndpointStatus)
	}
	name := fmt.Sprintf("x%d", len(o.made))
	in := o.testing(name, "e", "none")
	in.ShadowModeConfig.SourceModelVariantName = e.ProductionVariants[0].VariantName
	in.ModelVariants[0].VariantName = &name
	in.ShadowModeConfig.ShadowModelVariants[0].ShadowModelVariantName = &name
	if o.random.IntN(2) == 0 {
		in.Schedule = &types.InferenceExperimentSchedule{StartTime: aws.Time(time.Now().Add(time.Hour))}
	}
	o.made = append(o.made, name)
	if err := o.note("create")(o.CreateInferenceExperiment(ctx, in)); err != nil {
		return err
	}
	o.acked[name] = true
	return nil
}

// change updates a running experiment, or ends it in one of two ways.
func (o *owner) change(ctx context.Context, x *sagemaker.DescribeInferenceExperimentOutput) error {
	if o.random.IntN(2) == 0 {
		mode := x.ShadowModeConfig
		mode.ShadowModelVariants[0].SamplingPercentage = aws.Int32(o.random.Int32N(101))
		return o.note("update")(o.UpdateInferenceExperiment(ctx, &sagemaker.UpdateInferenceExperimentInput{Name: x.Name, ShadowModeConfig: mode}))
	}
	action := []types.ModelVariantAction{types.ModelVariantActionRemove, types.ModelVariantActionPromote}[o.random.IntN(2)]
	return o.note(string(action))(o.StopInferenceExperiment(ctx, &sagemaker.StopInferenceExperimentInput{
		Name: x.Name, ModelVariantActions: map[string]types.ModelVariantAction{*x.Name: action},
	}))
}

// settle starts the server again and wants everything to come to rest as it was acknowledged.
func (o *owner) settle() {
	o.t.Helper()
	o.s.start()
	running := o.rested()
	o.wantVariants("e", o.production(), running) // an experiment rests only once its endpoint does
	o.wantEchoes("e", 1)
	o.sent.Add(1)
	var requests int64
	for _, name := range o.found() {
		requests += o.compare(name).Accounting["requests"]
	}
	if sent := o.sent.Load(); requests > sent {
		o.t.Errorf("%d requests are accounted for and %d were sent", requests, sent)
	}
	want := 1
	if running != "" {
		want = 2
	}
	o.s.eventually("no process of an earlier server is left", func() error {
		if left := o.s.processesWith("FAULT=none"); len(left) != want {
			return fmt.Errorf("%d model servers run, want %d", len(left), want)
		}
		return nil
	})
}

// found lists the experiments that exist, in the order in which they were made, and wants all acknowledged ones.
func (o *owner) found() []string {
	o.t.Helper()
	var found []string
	for _, name := range o.made {
		_, err := o.DescribeInferenceExperiment(o.t.Context(), &sagemaker.DescribeInferenceExperimentInput{Name: &name})
		_, gone := errors.AsType[*types.ResourceNotFound](err)
		switch {
		case err == nil:
			found = append(found, name)
		case !gone:
			o.t.Fatal(err)
		case o.acked[name]:
			o.t.Errorf("experiment %s was acknowledged and is lost", name)
		}
	}
	return found
}

// rested waits until every experiment is where it can stay, and returns the one that runs.
func (o *owner) rested() string {
	o.t.Helper()
	running := ""
	for _, name := range o.found() {
		o.s.eventually("experiment "+name+" rests", func() error {
			switch status := o.describe(name).Status; status {
			case types.InferenceExperimentStatusCreated, types.InferenceExperimentStatusCompleted, types.InferenceExperimentStatusCancelled:
			case types.InferenceExperimentStatusRunning:
				running = name
			default:
				return errors.New(string(status))
			}
			return nil
		})
	}
	return running
}

// production is the variant that the promotions have left: variants are named after their experiments.
func (o *owner) production() string {
	o.t.Helper()
	name := production
	for _, x := range o.found() {
		if o.compare(x).Outcome == "promoted" {
			name = x
		}
	}
	return name
}

// finish wants the kills to have hit something.
func (o *owner) finish() {
	o.t.Helper()
	var requests int64
	for _, name := range o.found() {
		if n := o.settled(name); n.Outcome == "failed" {
			o.t.Errorf("experiment %s has failed: %s", name, aws.ToString(o.describe(name).StatusReason))
		} else {
			requests += n.Accounting["requests"]
		}
	}
	o.t.Logf("%d experiments, calls %v, %d of %d requests in experiments", len(o.made), o.did, requests, o.sent.Load())
	if requests == 0 || o.did["create"] == 0 {
		o.t.Error("the kills hit nothing")
	}
}
