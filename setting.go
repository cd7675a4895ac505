package gnomon

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// SettingPrefix begins the keys of tags that are settings of an experiment: tags are the one free-form field that every
// client of AWS's API has.
const SettingPrefix = "gnomon:"

// The keys of tags that are settings.
const (
	// TagAnswers says how answers are compared: a kind, and options, as words. See [Answers].
	TagAnswers = SettingPrefix + "answers"
	// TagAnswerMargin, TagErrorMargin and TagLatencyMargin are how much worse a shadow may be to pass as no worse, in percent. See
	// [Judging].
	TagAnswerMargin  = SettingPrefix + "answer-margin"
	TagErrorMargin   = SettingPrefix + "error-margin"
	TagLatencyMargin = SettingPrefix + "latency-margin"
	// TagAutoStop says whether the shadow is taken away once it is found to be worse: on or off.
	TagAutoStop = SettingPrefix + "auto-stop"
	// TagIgnore is what of the answers is left out: paths with spaces between them. See [AnswerPath].
	TagIgnore = SettingPrefix + "ignore"
	// TagMaxRate bounds the copies per second: a decimal number above 0 and at most 1000000.
	TagMaxRate = SettingPrefix + "max-rate"
	// TagNoiseFloor is the share of the copies, in percent, that goes to production once more. See [Judging].
	TagNoiseFloor = SettingPrefix + "noise-floor"
	// TagSampling is the share of the requests that is copied, in percent: a decimal number above 0 and at most 100
	// that rounds up to SamplingPercentage; 0 only where that is 0.
	TagSampling = SettingPrefix + "sampling"
	// TagTolerance says how far numbers may be apart that agree: the words absolute=… and relative=…, or one of them.
	TagTolerance = SettingPrefix + "tolerance"
)

// SettingKeys lists the keys of tags that are settings, in order.
func SettingKeys() []string {
	return []string{
		TagAnswerMargin, TagAnswers, TagAutoStop, TagErrorMargin, TagIgnore, TagLatencyMargin, TagMaxRate, TagNoiseFloor, TagSampling, TagTolerance,
	}
}

// IsSetting reports whether a tag of that key is a setting, or would be taken for one.
func IsSetting(key string) bool { return strings.HasPrefix(strings.ToLower(key), SettingPrefix) }

// Settings are what the tags of an experiment ask for. The zero Settings ask for nothing: then everything is as in AWS.
type Settings struct {
	MaxRate  float64  `json:",omitzero"` // copies per second over all routers; 0: no cap
	Sampling *float64 `json:",omitzero"` // percent of the requests; nil: SamplingPercentage says it
	Answers  Answers  `json:",omitzero"` // how answers are compared
	Judging  Judging  `json:",omitzero"` // how it is judged
	AutoStop bool     `json:",omitzero"` // the shadow is taken away once it is found to be worse
}

// ParseSettings returns what the tags of an experiment ask for. A key that no setting has, or a value that it cannot
// have, is Invalid. Tags that are not settings are left alone.
func ParseSettings(tags []Tag) (Settings, error) {
	var s Settings
	for _, t := range tags {
		if !IsSetting(t.Key) {
			continue
		}
		n, ok := decimal(t.Value)
		switch t.Key {
		case TagMaxRate:
			if !ok || n <= 0 || n > 1e6 {
				return Settings{}, Errorf(Invalid, "The value %q of the tag %q is not valid. It must be a number of copies per second above 0 and at most 1000000, with at most four decimals, such as 50 or 0.5.", t.Value, t.Key)
			}
			s.MaxRate = n
		case TagSampling:
			if !ok || n > 100 {
				return Settings{}, Errorf(Invalid, "The value %q of the tag %q is not valid. It must be a percentage above 0 and at most 100, with at most four decimals, such as 2.5 or 0.01.", t.Value, t.Key)
			}
			s.Sampling = &n
		case TagAnswers, TagIgnore, TagTolerance:
			if err := s.Answers.parse(t); err != nil {
				return Settings{}, err
			}
		case TagAutoStop:
			if t.Value != "on" && t.Value != "off" {
				return Settings{}, Errorf(Invalid, "The value %q of the tag %q is not valid. It must be on, for the shadow to be taken away once it is found to be worse, or off.", t.Value, t.Key)
			}
			s.AutoStop = t.Value == "on"
		default:
			mine, err := s.Judging.parse(t)
			if err != nil {
				return Settings{}, err
			}
			if mine {
				continue
			}
			return Settings{}, Errorf(Invalid, "The tag key %q begins with %q, which is reserved for settings of an inference experiment. The settings are %s.", t.Key, SettingPrefix, quoted(SettingKeys()))
		}
	}
	return s, nil
}

// written is a decimal number as settings have it. Signs and exponents are left out: tags cannot hold all of them.
var written = regexp.MustCompile(`^[0-9]+(\.[0-9]{1,4})?$`)

func decimal(s string) (n float64, ok bool) {
	if !written.MatchString(s) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

func quoted(words []string) string {
	all := slices.Clone(words)
	for i, w := range all {
		all[i] = strconv.Quote(w)
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

// Fit returns an error that is Invalid if the settings contradict a SamplingPercentage.
func (s Settings) Fit(percent int) error {
	if s.Sampling == nil || math.Ceil(*s.Sampling) == float64(percent) {
		return nil
	}
	return Errorf(Invalid, "The tag %q with the value %s does not fit SamplingPercentage %d: the value must round up to SamplingPercentage, and it rounds up to %d.",
		TagSampling, strconv.FormatFloat(*s.Sampling, 'f', -1, 64), percent, int(math.Ceil(*s.Sampling)))
}

func (s Settings) sameSampling(o Settings) bool {
	if s.Sampling == nil || o.Sampling == nil {
		return s.Sampling == o.Sampling
	}
	return *s.Sampling == *o.Sampling
}

// Refit is [Settings.Fit] for an experiment whose SamplingPercentage changes; its error says what can be done about it.
func (x *Experiment) Refit() error {
	err := x.Settings.Fit(x.SamplingPercent)
	switch {
	case err == nil:
		return nil
	case x.Status == Created:
		return Errorf(Invalid, "%v To change both, take the tag away by DeleteTags, change SamplingPercentage, and set the tag anew by AddTags.", err)
	}
	return Errorf(Invalid, "%v The tag cannot be changed in status %s.", err, x.Status)
}

// Set gives the experiment other settings. A setting that stays may always be named again. MaxRate and AutoStop may change until
// the experiment ends; the others only in Created, since neither a sample, nor what counts as agreement, nor a margin must move
// after numbers were seen. Anything else is Invalid, and then nothing changes.
func (x *Experiment) Set(s Settings) error {
	if s.MaxRate != x.Settings.MaxRate && (x.Status.Final() || x.Status == Stopping) {
		return Errorf(Invalid, "The tag %q of inference experiment %q cannot be changed in status %s: nothing is copied any more.", TagMaxRate, x.Name, x.Status)
	}
	if !s.sameSampling(x.Settings) {
		if x.Status != Created {
			return Errorf(Invalid, "The tag %q of inference experiment %q cannot be changed in status %s: what is sampled must not change once numbers were seen. It can be changed in status %s; to sample otherwise now, stop the experiment and create another.", TagSampling, x.Name, x.Status, Created)
		}
		if err := s.Fit(x.SamplingPercent); err != nil {
			return err
		}
	}
	if tag := x.Settings.Answers.other(s.Answers); tag != "" && x.Status != Created {
		return Errorf(Invalid, "The tag %q of inference experiment %q cannot be changed in status %s: what counts as agreement must not change once numbers were seen. It can be changed in status %s; to compare otherwise now, stop the experiment and create another.", tag, x.Name, x.Status, Created)
	}
	if tag := x.Settings.Judging.other(s.Judging); tag != "" && x.Status != Created {
		return Errorf(Invalid, "The tag %q of inference experiment %q cannot be changed in status %s: what the shadow is judged by must not change once numbers were seen. It can be changed in status %s; to judge otherwise, stop the experiment and create another.", tag, x.Name, x.Status, Created)
	}
	if s.AutoStop != x.Settings.AutoStop && (x.Status.Final() || x.Status == Stopping) {
		return Errorf(Invalid, "The tag %q of inference experiment %q cannot be changed in status %s: there is nothing more to stop.", TagAutoStop, x.Name, x.Status)
	}
	x.Settings = s
	return nil
}

// SampledPercent is the share of the requests that is in the experiment's sample, in percent.
func (x *Experiment) SampledPercent() float64 {
	if x.Settings.Sampling != nil {
		return *x.Settings.Sampling
	}
	return float64(x.SamplingPercent)
}
