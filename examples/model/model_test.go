package model

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const linearText = `{"name":"l","features":2,"labels":["no","yes"],
	"linear":{"weights":[[0,0],[1,-1]],"bias":[0,0.5]}}`

const treesText = `{"name":"t","features":2,"labels":["no","yes"],
	"trees":{"per_label":[[],[[{"feature":1,"below":3,"left":1,"right":2},{"value":2},{"value":-2}]]]}}`

func TestPredict(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		row        []float64
		want       Prediction
	}{
		{"linear above", linearText, []float64{2, 1}, Prediction{"yes", 0.817574}},
		{"linear below", linearText, []float64{1, 3}, Prediction{"no", 0.817574}},
		{"linear tie goes to the first", linearText, []float64{0, 0.5}, Prediction{"no", 0.5}},
		{"trees left", treesText, []float64{0, 2.9}, Prediction{"yes", 0.880797}},
		{"trees right at the threshold", treesText, []float64{0, 3}, Prediction{"no", 0.880797}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Read(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Predict([][]float64{tt.row})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Prediction{tt.want}, got); diff != "" {
				t.Errorf("prediction (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPredictNamesTheRowOfWrongLength(t *testing.T) {
	m, err := Read(strings.NewReader(linearText))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Predict([][]float64{{1, 2}, {1, 2, 3}})
	if want := "row 1 has 3 features, the model takes 2"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":             ``,
		"no JSON":             `{`,
		"no features":         `{"labels":["a","b"],"linear":{}}`,
		"one label":           `{"features":1,"labels":["a"],"linear":{"weights":[[1]],"bias":[0]}}`,
		"neither kind":        `{"features":1,"labels":["a","b"]}`,
		"both kinds":          `{"features":1,"labels":["a","b"],"linear":{},"trees":{}}`,
		"a bias missing":      `{"features":1,"labels":["a","b"],"linear":{"weights":[[1],[1]],"bias":[0]}}`,
		"a weight missing":    `{"features":2,"labels":["a","b"],"linear":{"weights":[[1,1],[1]],"bias":[0,0]}}`,
		"a label without":     `{"features":1,"labels":["a","b"],"trees":{"per_label":[[]]}}`,
		"an empty tree":       `{"features":1,"labels":["a","b"],"trees":{"per_label":[[[]],[]]}}`,
		"a loop":              `{"features":1,"labels":["a","b"],"trees":{"per_label":[[[{"left":1,"right":0},{"value":1}]],[]]}}`,
		"a loop to the left":  `{"features":1,"labels":["a","b"],"trees":{"per_label":[[[{"left":1,"right":2},{"left":1,"right":2},{}]],[]]}}`,
		"a child outside":     `{"features":1,"labels":["a","b"],"trees":{"per_label":[[[{"left":1,"right":2},{"value":1}]],[]]}}`,
		"a feature outside":   `{"features":1,"labels":["a","b"],"trees":{"per_label":[[[{"feature":1,"left":1,"right":1},{}]],[]]}}`,
		"a negative feature":  `{"features":1,"labels":["a","b"],"trees":{"per_label":[[[{"feature":-1,"left":1,"right":1},{}]],[]]}}`,
		"a negative children": `{"features":1,"labels":["a","b"],"trees":{"per_label":[[[{"left":-1,"right":-1},{}]],[]]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := Read(strings.NewReader(text)); err == nil {
				t.Errorf("Read gave %+v and no error", m)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil {
		t.Error("an empty directory gave no error")
	}
	if err := os.WriteFile(filepath.Join(dir, File), []byte(treesText), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "t" {
		t.Errorf("model %q, want t", m.Name)
	}
}

func TestPredictRefusesWhatOverflows(t *testing.T) {
	m, err := Read(strings.NewReader(linearText))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Predict([][]float64{{math.MaxFloat64, -math.MaxFloat64}})
	if want := "row 0 is out of the model's range"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

// Whatever Read lets through must answer or say why not, without a panic.
func FuzzRead(f *testing.F) {
	f.Add(linearText)
	f.Add(treesText)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Read(strings.NewReader(text))
		if err != nil || m.Features > 1<<16 {
			return
		}
		row := make([]float64, m.Features)
		for i := range row {
			row[i] = math.Sin(float64(i))
		}
		got, err := m.Predict([][]float64{row})
		if err == nil && !(got[0].Score >= 0 && got[0].Score <= 1) {
			t.Errorf("score %v is no probability", got[0].Score)
		}
	})
}
