package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// A crowd sends requests to an endpoint without pause.
type crowd struct {
	c      client
	byWhom sync.Map // variant to *atomic.Int64
	sent   atomic.Int64
	failed chan error // the first failure
	leave  func()
}

// crowd lets n senders begin. They stop at the first failure, or when they are told to leave.
func (c client) crowd(endpoint string, n int) *crowd {
	ctx, cancel := context.WithCancel(c.t.Context())
	all := &crowd{c: c, failed: make(chan error, 1)}
	var senders sync.WaitGroup
	for range n {
		senders.Go(func() { all.send(ctx, endpoint) })
	}
	all.leave = func() { cancel(); senders.Wait() }
	c.t.Cleanup(all.leave)
	return all
}

func (a *crowd) send(ctx context.Context, endpoint string) {
	for ctx.Err() == nil {
		// A request that has begun is seen through, so that the counts are right.
		out, err := a.c.runtime.InvokeEndpoint(context.WithoutCancel(ctx), &sagemakerruntime.InvokeEndpointInput{
			EndpointName: &endpoint, ContentType: aws.String("application/json"), Body: []byte(picture),
		})
		if err == nil && string(out.Body) != picture {
			err = fmt.Errorf("the answer is %q", out.Body)
		}
		if err != nil {
			select {
			case a.failed <- fmt.Errorf("after %d requests: %w", a.sent.Load(), err):
			default:
			}
			return
		}
		n, _ := a.byWhom.LoadOrStore(aws.ToString(out.InvokedProductionVariant), new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		a.sent.Add(1)
	}
}

// await waits until n more requests have been answered, a thousand at a time: no machine is so slow.
func (a *crowd) await(n int64) {
	a.c.t.Helper()
	for ; n > 1000; n -= 1000 {
		a.awaitFew(1000)
	}
	a.awaitFew(n)
}

func (a *crowd) awaitFew(n int64) {
	a.c.t.Helper()
	goal := a.sent.Load() + n
	a.c.s.eventually(fmt.Sprintf("%d more requests are answered", n), func() error {
		select {
		case err := <-a.failed:
			a.c.t.Fatal(err)
		default:
		}
		if sent := a.sent.Load(); sent < goal {
			return fmt.Errorf("%d to go", goal-sent)
		}
		return nil
	})
}

func (a *crowd) by(variant string) int64 {
	n, ok := a.byWhom.Load(variant)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

// kill ends one of the processes of several instances, told by their environment, as the system would that is out of memory,
// and waits until it is replaced.
func (c client) kill(variable string) {
	c.t.Helper()
	before := c.s.processesWith(variable)
	pid, err := strconv.Atoi(before[0])
	if err != nil || len(before) < 2 {
		c.t.Fatalf("the processes are %v, want several", before)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
	c.s.eventually("the instance is started anew", func() error {
		now := c.s.processesWith(variable)
		if len(now) != len(before) || slices.Contains(now, before[0]) {
			return fmt.Errorf("%v, were %v", now, before)
		}
		return nil
	})
}

// TestTraffic_LiveChange makes, updates and ends an experiment, scales its endpoint and kills one of two instances, while
// requests come without pause and without a second try: not one may fail, and each is accounted for.
func TestTraffic_LiveChange(t *testing.T) {
	c := newServer(t, "").client()
	c.faultyModel("slow", "slow=2ms") // breaks off what is under way when it is told to end
	c.faultyModel("quick", "none")
	c.serving("echo", "slow")
	const senders = 16
	all := c.crowd("echo", senders)
	all.await(1000)
	c.begin(c.experiment("live", "echo", "slow", "quick"))
	all.await(20000)
	_, err := c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{Name: aws.String("live"), ShadowModeConfig: shadowing(30)})
	if err != nil {
		t.Fatal(err)
	}
	c.until("live", types.InferenceExperimentStatusRunning)
	all.await(10000)
	c.scale("echo", 2)
	all.await(5000)
	c.kill("FAULT=slow=2ms")
	all.await(5000)
	c.scale("echo", 1)
	all.await(10000)
	if n := all.by(shadow); n != 0 {
		t.Errorf("the shadow has answered %d callers", n)
	}
	_, err = c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: aws.String("live"), ModelVariantActions: map[string]types.ModelVariantAction{production: types.ModelVariantActionRemove, shadow: types.ModelVariantActionPromote},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("live", types.InferenceExperimentStatusCompleted)
	before := all.by(production)
	all.await(500)
	all.leave()
	if after := all.by(production); after > before+senders { // those that were on their way
		t.Errorf("the old production variant answered %d requests after it was removed", after-before)
	}
	got := c.settled("live")
	a, n := got.Accounting, got.Errors
	if a["requests"] < 2500 || a["requests"] > all.sent.Load() || a["mirrored"] == 0 || a["sampled_out"] == 0 {
		t.Errorf("accounting of %d requests: %v", all.sent.Load(), a)
	}
	// The numbers close without waiting for answers that are on their way.
	if p := n.Production; p.Invocations > a["requests"] || p.Invocations < a["requests"]-senders || p.Answers2xx != p.Invocations || n.Shadow.Invocations < a["mirrored"] {
		t.Errorf("invocations: %+v, accounting: %v", n, a)
	}
	t.Logf("%d requests, of which %d during the experiment: %v", all.sent.Load(), a["requests"], a)
}
