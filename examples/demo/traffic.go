package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"

	"gnomon/examples/data"
)

// senders is how many requests are under way at once, at most.
const senders = 4

// rate is how many requests are begun in a second. It leaves a small machine time to spare: a shadow gets what
// production and the demo itself do not need, and on a busy machine its latency would say nothing of the model.
const rate = 100

// send sends n requests, each with one held-out picture, and returns how many were answered with the right digit.
func send(ctx context.Context, runtime *sagemakerruntime.Client, endpoint string, n int) (int, error) {
	digits, err := data.Digits()
	if err != nil {
		return 0, err
	}
	var next, right, sent atomic.Int64
	var group sync.WaitGroup
	failed := make([]error, senders)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	for s := range senders {
		group.Go(func() {
			for failed[s] == nil && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				due := time.NewTimer(time.Until(start.Add(time.Duration(i) * time.Second / rate)))
				select {
				case <-ctx.Done():
				case <-due.C:
				}
				picture := digits.Held[i%len(digits.Held)]
				label, err := ask(ctx, runtime, endpoint, picture)
				if err != nil {
					failed[s] = err
					cancel()
				}
				if label == strconv.Itoa(picture.Digit) {
					right.Add(1)
				}
				sent.Add(1)
			}
		})
	}
	group.Go(func() { progress(ctx, &sent, n) })
	group.Wait()
	return int(right.Load()), errors.Join(failed...)
}

// ask sends one picture and returns the label that came back.
func ask(ctx context.Context, runtime *sagemakerruntime.Client, endpoint string, picture data.Example) (string, error) {
	answer, err := invoke(ctx, runtime, endpoint, picture)
	if err != nil {
		return "", err
	}
	return answer.Predictions[0].Label, nil
}

// An answer is what the demo's models answer, and who did.
type answer struct {
	Predictions []struct {
		Label string
		Score float64
	}
	Model   string
	Variant string `json:"-"`
}

func invoke(ctx context.Context, runtime *sagemakerruntime.Client, endpoint string, picture data.Example) (answer, error) {
	body, err := json.Marshal(map[string]any{"features": picture.Pixels})
	if err != nil {
		return answer{}, err
	}
	out, err := runtime.InvokeEndpoint(ctx, &sagemakerruntime.InvokeEndpointInput{
		EndpointName: &endpoint, ContentType: aws.String("application/json"), Body: body,
	})
	if err != nil {
		return answer{}, err
	}
	a := answer{Variant: aws.ToString(out.InvokedProductionVariant)}
	if err := json.Unmarshal(out.Body, &a); err != nil {
		return answer{}, err
	}
	if len(a.Predictions) != 1 {
		return answer{}, fmt.Errorf("%d predictions for one picture", len(a.Predictions))
	}
	return a, nil
}

// progress draws a bar until n have been sent or ctx ends. Where nobody watches, it draws the last state only.
func progress(ctx context.Context, sent *atomic.Int64, n int) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	info, err := os.Stdout.Stat()
	watched := err == nil && info.Mode()&os.ModeCharDevice != 0
	for done := 0; done < n && ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		done = int(sent.Load())
		if watched || done >= n {
			const width = 40
			full := width * done / n
			fmt.Printf("\r  [%s%s] %d of %d requests", strings.Repeat("█", full), strings.Repeat("·", width-full), done, n)
		}
	}
	fmt.Println()
}
