package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// part is a variant of an endpoint config on one instance.
func part(name, model string, weight float32) types.ProductionVariant {
	return types.ProductionVariant{
		VariantName: &name, ModelName: &model, InstanceType: instance, InitialInstanceCount: aws.Int32(1), InitialVariantWeight: &weight,
	}
}

// logged are the ids of the requests that a variant's model has logged, which must have the fault log-requests.
func (s *server) logged(variant string) map[string]bool {
	s.t.Helper()
	logs, err := filepath.Glob(filepath.Join(s.data(), "instances", "logs", "*-"+variant+"-*", "log*"))
	if err != nil || len(logs) == 0 {
		s.t.Fatalf("logs of %s: %v, %v", variant, logs, err)
	}
	ids := make(map[string]bool)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`msg=request id=(\S+)`).FindAllSubmatch(text, -1) {
			ids[string(m[1])] = true
		}
	}
	return ids
}

// TestSeveralShadows has an endpoint with two shadows of its own, of which the one with the larger weight sees all that the
// other sees.
func TestSeveralShadows(t *testing.T) {
	t.Parallel()
	s := newServer(t, "")
	c := s.client()
	c.faultyModel("model", "none,log-requests")
	_, err := c.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{
		EndpointConfigName: aws.String("three"), ProductionVariants: []types.ProductionVariant{part(production, "model", 1)},
		ShadowProductionVariants: []types.ProductionVariant{part("Small", "model", 0.3), part("Large", "model", 0.6)},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.endpoint("three", "three")
	const n = 300
	for i := range n {
		if out := c.invoke("three", fmt.Sprint(i), production); string(out.Body) != fmt.Sprint(i) {
			t.Fatalf("request %d was answered %q", i, out.Body)
		}
	}
	bucket := func(shadow, name string) int {
		return c.metric(fmt.Sprintf(`gnomon_mirror_requests_total{bucket=%q,endpoint="three",experiment="",shadow=%q}`, name, shadow))
	}
	s.eventually("every request is in a bucket of both shadows, and every copy in a log", func() error {
		for _, shadow := range []string{"Small", "Large"} {
			copied, out := bucket(shadow, "mirrored"), bucket(shadow, "sampled_out")
			if logged := len(s.logged(shadow)); copied+out != n || copied != logged {
				return fmt.Errorf("%s: %d mirrored and %d sampled_out of %d, %d logged", shadow, copied, out, n, logged)
			}
		}
		return nil
	})
	small, large := s.logged("Small"), s.logged("Large")
	for id := range small {
		if !large[id] {
			t.Errorf("request %s was copied to the shadow with 30 %%, but not to the one with 60 %%", id)
		}
	}
	// Five standard deviations are 40 and 42.
	if a, b := len(small), len(large); a < 50 || a > 130 || b < 138 || b > 222 {
		t.Errorf("%d and %d of %d requests were copied, want about 90 and 180", a, b, n)
	}
	s.eventually("each request counts once for production", func() error {
		if got := c.answered("three", production); got != n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	})
	e := c.describeEndpoint("three")
	if len(e.ShadowProductionVariants) != 2 || *e.ShadowProductionVariants[0].CurrentWeight != 0.3 || *e.ShadowProductionVariants[1].CurrentWeight != 0.6 {
		t.Errorf("the endpoint tells of %+v", e.ShadowProductionVariants)
	}
}

// set sets a tag of an experiment, and unset takes it away.
func (c client) set(experiment, key, value string) error {
	_, err := c.AddTags(c.t.Context(), &sagemaker.AddTagsInput{ResourceArn: c.describe(experiment).Arn, Tags: []types.Tag{{Key: &key, Value: &value}}})
	return err
}

func (c client) unset(experiment, key string) error {
	_, err := c.DeleteTags(c.t.Context(), &sagemaker.DeleteTagsInput{ResourceArn: c.describe(experiment).Arn, TagKeys: []string{key}})
	return err
}

// TestSettings has experiments whose tags say what AWS's API has no member for.
func TestSettings(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faultyModel("model", "none")
	c.serving("echo", "model")
	const sampling, rate = "gnomon:sampling", "gnomon:max-rate"

	in := c.experiment("half", "echo", "model", "model")
	in.ShadowModeConfig = shadowing(1)
	in.Tags = []types.Tag{{Key: aws.String(sampling), Value: aws.String("1.5")}}
	_, err := c.CreateInferenceExperiment(t.Context(), in)
	wantCode(t, err, "ValidationException", sampling)
	in.Tags[0].Value = aws.String("0.5")
	c.begin(in)
	all := c.crowd("echo", 8)
	all.await(10_000)
	all.leave()
	a := c.settled("half").Accounting
	// Of one percent, 100 of 10,000 would be copied; of the half, more than 90 are once in a hundred million times.
	share := float64(a["mirrored"]) / float64(a["requests"])
	if a["requests"] < 10_000 || a["mirrored"]+a["sampled_out"] != a["requests"] || share == 0 || share > 0.009 {
		t.Errorf("half a percent copied: %v", a)
	}
	if got := c.compare("half"); got.SamplingPercentage != 1 || got.SampledPercentage != 0.5 {
		t.Errorf("the comparison tells of %v %%, and %v %% to the point; want 1 and 0.5", got.SamplingPercentage, got.SampledPercentage)
	}
	wantCode(t, c.set("half", sampling, "0.7"), "ValidationException", "cannot be changed in status Running")
	_, err = c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{Name: in.Name, ShadowModeConfig: shadowing(2)})
	wantCode(t, err, "ValidationException", sampling)
	c.stop("half", types.ModelVariantActionRemove, types.InferenceExperimentStatusCancelled)

	in = c.experiment("capped", "echo", "model", "model")
	in.Tags = []types.Tag{{Key: aws.String(rate), Value: aws.String("0.001")}}
	c.begin(in)
	for range 50 {
		c.invoke("echo", "x", production)
	}
	if a := c.settled("capped").Accounting; a["mirrored"] != 1 || a["rate_capped"] != 49 {
		t.Errorf("one copy in a thousand seconds: %v", a)
	}
	// At once: what the bound that was taken back has put off is not waited for.
	if err := c.set("capped", rate, "1000000"); err != nil {
		t.Fatal(err)
	}
	c.wantCopied("capped")
	if err := c.set("capped", rate, "0.001"); err != nil {
		t.Fatal(err)
	}
	c.s.eventually("the bound is back", func() error {
		before := c.settled("capped").Accounting["rate_capped"]
		c.invoke("echo", "x", production)
		if after := c.settled("capped").Accounting["rate_capped"]; after != before+1 {
			return fmt.Errorf("%d rate_capped, then %d", before, after)
		}
		return nil
	})
	if got := c.compare("capped").MaxRate; got != 0.001 {
		t.Errorf("the comparison tells of %v copies per second, want 0.001", got)
	}
	if err := c.unset("capped", rate); err != nil {
		t.Fatal(err)
	}
	c.wantCopied("capped")
}

// wantCopied wants requests to an experiment's endpoint, echo, to be copied again, and soon.
func (c client) wantCopied(experiment string) {
	c.t.Helper()
	c.s.within(10*time.Second, "requests are copied again", func() error {
		before := c.settled(experiment).Accounting["mirrored"]
		for range 20 {
			c.invoke("echo", "x", production)
		}
		if n := c.settled(experiment).Accounting["mirrored"] - before; n != 20 {
			return fmt.Errorf("%d of 20 are", n)
		}
		return nil
	})
}
