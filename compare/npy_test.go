package compare_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"gnomon/compare"
)

// npyOf returns an array as NumPy saves it.
func npyOf(version byte, dict string, data any) string {
	var b bytes.Buffer
	b.WriteString("\x93NUMPY" + string([]byte{version, 0}))
	header := dict + strings.Repeat(" ", 63-(len(dict)+10)%64) + "\n"
	length := any(uint16(len(header)))
	if version > 1 {
		length = uint32(len(header))
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if strings.Contains(dict, "'>") {
		order = binary.BigEndian
	}
	_ = binary.Write(&b, binary.LittleEndian, length)
	b.WriteString(header)
	if data != nil {
		_ = binary.Write(&b, order, data)
	}
	return b.String()
}

func array(descr, shape string, data any) string {
	return npyOf(1, fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape), data)
}

func fortran(descr, shape string, data any) string {
	return npyOf(1, fmt.Sprintf("{'descr': '%s', 'fortran_order': True, 'shape': %s, }", descr, shape), data)
}

func TestCompare_NPY(t *testing.T) {
	nan32 := []float32{float32(math.NaN()), math.Float32frombits(0x7fc00001), 1}
	run(t, []pairing{
		{nil, npy, array("<f4", "(2,)", []float32{1, 2}), array("<f8", "(2,)", []float64{1, 2}), "npy agrees"},
		{nil, npy, array("<f4", "(2,)", []float32{1, 2}), array(">f4", "(2,)", []float32{1, 2}), "npy agrees"},
		{nil, npy, array("<f4", "(2,)", []float32{1, 2}), array("<f4", "(2,)", []float32{1, 2.5}), "npy differs: /- value 2|2.5 by 0.5, 0.2"},
		{tags("tolerance relative=0.2"), npy, array("<f4", "(2,)", []float32{1, 2}), array("<f4", "(2,)", []float32{1, 2.5}), "npy agrees"},
		{nil, npy, array("<f4", "(3,)", nan32), array("<f8", "(3,)", []float64{math.NaN(), math.NaN(), 1}), "npy agrees"},
		{nil, npy, array("<f4", "(1,)", []float32{0.1}), array("<f8", "(1,)", []float64{0.1}), "npy differs: /- value 0.1|0.1 by 1.49e-09, 1.49e-08"},
		{nil, npy, array("<f2", "(6,)", []uint16{0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x7e00}),
			array("<f8", "(6,)", []float64{1, -2, 65504, math.Ldexp(1, -24), math.Inf(1), math.NaN()}), "npy agrees"},
		{nil, npy, array(">f2", "(2,)", []uint16{0x3800, 0xfc00}), array("<f4", "(2,)", []float32{0.5, float32(math.Inf(-1))}), "npy agrees"},
		{nil, npy, array("|i1", "(3,)", []int8{-128, 0, 127}), array(">i8", "(3,)", []int64{-128, 0, 127}), "npy agrees"},
		{nil, npy, array("<i2", "(2,)", []int16{-1, 300}), array(">i4", "(2,)", []int32{-1, 301}), "npy differs: /- value 300|301 by 1, 0.003322"},
		{nil, npy, array("|u1", "(2,)", []uint8{0, 255}), array("<u2", "(2,)", []uint16{0, 255}), "npy agrees"},
		{nil, npy, array("<u4", "(1,)", []uint32{math.MaxUint32}), array("<u8", "(1,)", []uint64{math.MaxUint32}), "npy agrees"},
		{nil, npy, array("<u8", "(1,)", []uint64{math.MaxUint64}), array("<u8", "(1,)", []uint64{math.MaxUint64 - 1}), "npy differs: /- value 18446744073709551615|18446744073709551614 by 1, 5.421e-20"},
		{nil, npy, array("<i8", "(1,)", []int64{math.MinInt64}), array("<i8", "(1,)", []int64{math.MinInt64 + 1}), "npy differs: /- value -9223372036854775808|-9223372036854775807 by 1, 1.084e-19"},
		{nil, npy, array("<i8", "(1,)", []int64{-1}), array("<u8", "(1,)", []uint64{math.MaxUint64}), "npy differs: /- value -1|18446744073709551615 by 1.845e+19, 1"},
		{nil, npy, array("|b1", "(2,)", []uint8{0, 1}), array("|b1", "(2,)", []uint8{1, 1}), "npy differs: /- value false|true by 1, 1"},
		{nil, npy, array("|b1", "(1,)", []uint8{1}), array("|i1", "(1,)", []uint8{1}), "npy differs: type truth values|numbers"},
		{nil, npy, array("<c8", "(1,)", []float32{1, 2}), array(">c16", "(1,)", []float64{1, 2}), "npy agrees"},
		{nil, npy, array("<c8", "(1,)", []float32{1, 2}), array("<c8", "(1,)", []float32{1, -2}), "npy differs: /- value 1+2j|1-2j by 4, 2"},
		{nil, npy, array("<f4", "(2, 3)", []float32{1, 2, 3, 4, 5, 6}), fortran("<f4", "(2, 3)", []float32{1, 4, 2, 5, 3, 6}), "npy agrees"},
		{nil, npy, fortran("<f4", "(2, 3)", []float32{1, 4, 2, 5, 3, 7}), array("<f4", "(2, 3)", []float32{1, 2, 3, 4, 5, 6}), "npy differs: /-/- value 7|6 by 1, 0.1429"},
		{nil, npy, array("<i1", "(2, 2, 2)", []int8{0, 1, 2, 3, 4, 5, 6, 7}), fortran("<i1", "(2, 2, 2)", []int8{0, 4, 2, 6, 1, 5, 3, 7}), "npy agrees"},
		{nil, npy, array("<f4", "(2, 1)", []float32{1, 2}), array("<f4", "(2,)", []float32{1, 2}), "npy differs: length (2, 1)|(2,)"},
		{nil, npy, array("<f4", "()", []float32{1}), array("<f8", "()", []float64{1.5}), "npy differs: value 1|1.5 by 0.5, 0.3333"},
		{nil, npy, array("<f4", "(0, 7)", nil), array("<f8", "(0, 7)", nil), "npy agrees"},
		{tags("ignore /-/1"), npy, array("<f4", "(2, 2)", []float32{1, 2, 3, 4}), array("<f4", "(2, 2)", []float32{1, 9, 3, 9}), "npy agrees"},
		{tags("ignore /1"), npy, array("<f4", "(2, 2)", []float32{1, 2, 3, 4}), array("<f4", "(2, 2)", []float32{1, 9, 9, 9}), "npy differs: /-/- value 2|9 by 7, 0.7778"},
		{tags("ignore /-/1"), npy, fortran("<f4", "(2, 2)", []float32{1, 3, 2, 4}), fortran("<f4", "(2, 2)", []float32{1, 3, 9, 9}), "npy agrees"},
		{nil, npy, npyOf(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", []float32{1}), npyOf(3, `{"shape": (1L,), "descr": "=f4", "fortran_order": False}`, []float32{1}), "npy agrees"},
		{nil, npy, array("<f4", "(1,)", []float32{1}), "oops", "npy differs: type npy|not npy: oops"},
	})
}

// What cannot be read, or is not what it says, is no array.
func TestCompare_NPYThatIsNone(t *testing.T) {
	good := array("<f4", "(1,)", []float32{1})
	for name, bad := range map[string]string{
		"object":       array("|O", "(1,)", []float32{1}),
		"text":         array("<U1", "(1,)", []float32{1}),
		"long double":  array("<f16", "(1,)", make([]byte, 16)),
		"record":       npyOf(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", []float32{1}),
		"too few":      array("<f4", "(2,)", []float32{1}),
		"too many":     array("<f4", "(1,)", []float32{1, 2}),
		"huge":         array("<f4", "(4611686018427387905, 4)", []float32{1}),
		"overflow":     array("<f4", "(2147483648, 2147483648, 4)", []float32{1}),
		"wraps":        array("<f4", "(1152921504606846977, 4)", []float32{1, 2, 3, 4}), // to 16 bytes, in 64 bits
		"beyond":       array("<f4", "(99999999999999999999,)", []float32{1}),
		"zero, huge":   array("<f4", "(4611686018427387904, 4611686018427387904, 0)", []float32{1}),
		"negative":     array("<f4", "(-1,)", []float32{1}),
		"dimensions":   array("<f4", "("+strings.Repeat("1, ", 65)+")", []float32{1}),
		"key twice":    npyOf(1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", []float32{1}),
		"key missing":  npyOf(1, "{'descr': '<f4', 'shape': (1,), }", []float32{1}),
		"key more":     npyOf(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", []float32{1}),
		"not closed":   npyOf(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), ", []float32{1}),
		"header short": good[:20],
		"header long":  "\x93NUMPY\x02\x00\xff\xff\xff\xff" + good[10:],
		"version":      "\x93NUMPY\x04\x00" + good[8:],
		"magic":        "\x92" + good[1:],
		"empty":        "",
	} {
		r := compare.New(answers(t)).Compare(compare.Answer{ContentType: npy, Body: []byte(good)}, compare.Answer{ContentType: npy, Body: []byte(bad)})
		if got := describe(r); !strings.HasPrefix(got, "npy differs: type npy|not npy:") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
