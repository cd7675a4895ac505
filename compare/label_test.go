package compare_test

import "testing"

// The answers are those of SageMaker's built-in algorithms, Autopilot and JumpStart, of TensorFlow Serving, scikit-learn and
// Hugging Face's containers.
func TestCompare_Labels(t *testing.T) {
	const label, top2 = "answers label", "answers top-2"
	run(t, []pairing{
		// linear learner: binary, multi-class, JSON Lines
		{tags(label), js, `{"predictions":[{"score":0.4,"predicted_label":0},{"score":0.9,"predicted_label":1}]}`, `{"predictions":[{"score":0.1,"predicted_label":0.0},{"score":0.8,"predicted_label":1.0}]}`, "labels agrees"},
		{tags(label), js, `{"predictions":[{"score":0.4,"predicted_label":0},{"score":0.5,"predicted_label":1}]}`, `{"predictions":[{"score":0.4,"predicted_label":0},{"score":0.4,"predicted_label":0}]}`, "labels differs: /- value 1|0"},
		{tags(label), js, `{"predictions":[{"score":[0.2,0.3,0.5],"predicted_label":2}]}`, `{"predictions":[{"score":[0.5,0.3,0.2],"predicted_label":0}]}`, "labels differs: /- value 2|0"},
		{tags(top2), js, `{"predictions":[{"score":[0.2,0.3,0.5],"predicted_label":2}]}`, `{"predictions":[{"score":[0.1,0.5,0.4],"predicted_label":1}]}`, "labels agrees"},
		{tags(top2), js, `{"predictions":[{"score":[0.2,0.3,0.5],"predicted_label":2}]}`, `{"predictions":[{"score":[0.5,0.1,0.4],"predicted_label":0}]}`, "labels differs: /- value 2, 1|0, 2"},
		{tags(label), lines, "{\"predicted_label\":1,\"score\":[0.1,0.9]}\n{\"predicted_label\":0,\"score\":[0.9,0.1]}", "{\"predicted_label\":1,\"score\":[0.2,0.8]}\n{\"predicted_label\":1,\"score\":[0.4,0.6]}", "labels differs: /- value 0|1"},
		// rows of scores
		{tags(label), js, `[[0.1,0.9],[0.8,0.2]]`, `[[0.3,0.7],[0.6,0.4]]`, "labels agrees"},
		{tags(label), js, `{"predictions":[[0.1,0.9],[0.8,0.2]]}`, `{"predictions":[[0.3,0.7],[0.4,0.6]]}`, "labels differs: /- value 0|1"},
		{tags(label), js, `[0.1,0.7,0.2]`, `[0.3,0.5,0.2]`, "labels agrees"},
		{tags(label), js, `[[0.1,0.9]]`, `[[0.1,0.9],[0.1,0.9]]`, "labels differs: length 1 rows|2 rows"},
		{tags(label), js, `[0.1,0.9]`, `[[0.2,0.8]]`, "labels agrees"},
		{tags(label), js, `[[0.1,0.9]]`, `[[0.2,0.7,0.1]]`, "labels agrees"},
		{tags(label), js, `[0,1]`, `[0.2,0.8]`, "labels agrees"}, // all scores of one row
		{tags(label), js, `[[NaN,0.9]]`, `[[0.2,0.7]]`, "labels agrees"},
		{tags(label), js, `[[0.1,0.9]]`, `[[NaN,NaN]]`, "labels differs: /- value 1|0"},
		{tags(top2), js, `[[NaN,NaN,NaN]]`, `[[0.1,0.2,0.7]]`, "labels differs: /- value 0, 1|2, 1"},
		{tags(label), js, `[[NaN,NaN]]`, `[[NaN,NaN ]]`, "labels agrees"},
		// labels that stand alone
		{tags(label), js, `[5, 1]`, `[5.0, 1]`, "labels agrees"},
		{tags(label), js, `[5, 1]`, `[5, 2]`, "labels differs: /- value 1|2"},
		{tags(label), js, `["cat"]`, `["dog"]`, "labels differs: /- value cat|dog"},
		{tags(label), js, `{"predictions":["cat"]}`, `{"predictions":["cat" ]}`, "labels agrees"},
		{tags(label), js, `"cat"`, `"dog"`, "labels differs: /- value cat|dog"},
		// Hugging Face: one text with all labels, two texts with the best of each, top_k of several
		{tags(label), js, `[{"label":"POSITIVE","score":0.9},{"label":"NEGATIVE","score":0.1}]`, `[{"label":"NEGATIVE","score":0.4},{"label":"POSITIVE","score":0.6}]`, "labels agrees"},
		{tags(label), js, `[{"label":"POSITIVE","score":0.9}]`, `[{"label":"NEGATIVE","score":0.6}]`, "labels differs: /- value POSITIVE|NEGATIVE"},
		{tags(label), js, `[{"label":"A","score":0.9},{"label":"B","score":0.8}]`, `[{"label":"A","score":0.9},{"label":"A","score":0.7}]`, "labels differs: /- value B|A"},
		{tags(label), js, `[{"label":"A","score":0.9},{"label":"B","score":0.8}]`, `[{"label":"A","score":0.9},{"label":"C","score":0.7}]`, "labels differs: /- value B|C"},
		{tags(label), js, `[{"label":"A","score":0.5},{"label":"B","score":0.5}]`, `[{"label":"A","score":0.5},{"label":"B","score":0.6}]`, "labels agrees"},
		{tags(top2), js, `[[{"label":"A","score":0.5},{"label":"B","score":0.3},{"label":"C","score":0.2}]]`, `[[{"label":"C","score":0.6},{"label":"A","score":0.3},{"label":"B","score":0.1}]]`, "labels differs: /- value A, B|C, A"},
		{tags(top2), js, `[{"label":"A","score":0.5},{"label":"B","score":0.3},{"label":"C","score":0.2}]`, `[[{"label":"B","score":0.5},{"label":"A","score":0.4},{"label":"D","score":0.1}]]`, "labels agrees"},
		{tags(top2), js, `{"sequence":"x","labels":["a","b","c"],"scores":[0.7,0.2,0.1]}`, `{"sequence":"x","labels":["c","a","b"],"scores":[0.5,0.4,0.1]}`, "labels differs: /- value a, b|c, a"},
		// JumpStart, BlazingText
		{tags(label), js, `{"probabilities":[0.1,0.9],"labels":["x","y"]}`, `{"probabilities":[0.8,0.2],"labels":["y","x"]}`, "labels agrees"},
		{tags(label), js, `{"probabilities":[0.1,0.9],"labels":["x","y"],"predicted_label":"y"}`, `{"probabilities":[0.8,0.2],"labels":["x","y"],"predicted_label":"x"}`, "labels differs: /- value y|x"},
		{tags(label), js, `[{"label":["__label__1"],"prob":[0.98]}]`, `[{"label":["__label__2"],"prob":[0.6]}]`, "labels differs: /- value __label__1|__label__2"},
		// CSV: scores; a label and its probability; XGBoost's classes
		{tags(label), csv, "0.1,0.9\n0.8,0.2\n", "0.2,0.8\n0.7,0.3\n", "labels agrees"},
		{tags(label), csv, "0.1,0.9\n0.8,0.2\n", "0.2,0.8\n0.3,0.7\n", "labels differs: /- value 0|1"},
		{tags(label), csv, "yes,0.9\n", "no,0.6\n", "labels differs: /- value yes|no"},
		{tags(label), csv, "2.0\n1.0\n", "2\n0\n", "labels differs: /- value 1|0"},
		// arrays
		{tags(label), npy, array("<f4", "(2, 2)", []float32{0.1, 0.9, 0.8, 0.2}), array("<f8", "(2, 2)", []float64{0.2, 0.8, 0.4, 0.6}), "labels differs: /- value 0|1"},
		{tags(label), npy, array("<f4", "(2,)", []float32{0.1, 0.9}), array("<f4", "(2,)", []float32{0.2, 0.8}), "labels agrees"},
		{tags(label), npy, array("<i8", "(2,)", []int64{3, 4}), array("<i4", "(2,)", []int32{3, 5}), "labels differs: /- value 4|5"},
		{tags(label), npy, array("<f4", "(3, 2)", []float32{1, 2, 2, 1, 2, 1}), fortran("<f4", "(3, 2)", []float32{1, 2, 2, 2, 1, 1}), "labels agrees"},
		// by what they look like
		{tags(label), "", `[[0.1,0.9]]`, ` [[0.3,0.7]]`, "labels agrees"},
		{tags(label), "text/plain", "0.1,0.9", "0.3,0.7", "labels agrees"},
		{tags(label), "application/octet-stream", array("<f4", "(2,)", []float32{0.1, 0.9}), array("<f4", "(2,)", []float32{0.9, 0.1}), "labels differs: /- value 1|0"},
		{tags(label), js, "{\n \"predictions\": [[0.1,0.9]]\n}", `{"predictions":[[0.2,0.8]]}`, "labels agrees"},
		// ties: whichever is first does not count, if the other may be, too
		{tags(label), js, `[[0.5,0.5]]`, `[[0.4,0.6]]`, "labels agrees"},
		{tags(label), js, `[[0.49,0.51]]`, `[[0.51,0.49]]`, "labels differs: /- value 1|0"},
		{tags(label, "tolerance absolute=0.05"), js, `[[0.49,0.51]]`, `[[0.51,0.49]]`, "labels agrees"},
		{tags(top2, "tolerance absolute=0.05"), js, `[[0.5,0.48,0.49]]`, `[[0.1,0.5,0.5]]`, "labels agrees"},
		{tags(top2), js, `[[0.4,0.2,0.2,0.2]]`, `[[0.3,0.1,0.1,0.5]]`, "labels agrees"},
		{tags(top2), js, `[[0.4,0.2,0.2,0.2]]`, `[[0.1,0.1,0.3,0.5]]`, "labels differs: /- value 0, 1|3, 2"},
		{tags("answers top-5"), js, `[[0.4,0.6]]`, `[[0.6,0.4]]`, "labels agrees"}, // all there are
		// no labels
		{tags(label), js, `{"predictions":[{"score":0.4}]}`, `{"predictions":[{"score":0.5}]}`, "not compared: no_labels"},
		{tags(label), js, `[[0.97],[0.02]]`, `[[0.5],[0.4]]`, "not compared: no_labels"},
		{tags(label), csv, "0.97\n", "0.5\n", "not compared: no_labels"},
		{tags(label), js, `[]`, `[ ]`, "not compared: no_labels"},
		{tags(label), js, `{"a":1}`, `[[0.1,0.9]]`, `labels differs: type not labels: {"a":1}|labels`},
		{tags(label), js, `[[0.1,0.9]]`, `oops`, `labels differs: type labels|not labels: oops`},
		{tags(label), js + "|" + csv, `[0.1,0.9]`, `0.1,0.9`, "not compared: content_types"},
	})
}
