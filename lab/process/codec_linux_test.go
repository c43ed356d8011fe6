package process

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

// A batch is read as it was written, and what is cut anywhere is refused.
func TestCodec(t *testing.T) {
	batch := compiledBatch{
		Shape: lab.Shape{3, 1 << 20},
		Slots: []compiledSlot{
			{VariantOf: nil, Variants: [][]compiledCall{nil, {{}}}},
			{Axes: []int{0, 1}, VariantOf: lab.VariantOf{-1, 0, 1 << 30}, Variants: [][]compiledCall{{
				{Number: 41, Sock: 1, First: -1, Second: -1 << 31, Third: 1<<31 - 1, Bytes: []byte{0, 0x7f, 0x80, 0xff},
					Length: -1, Limit: 1 << 40, Want: codeAny},
			}}},
		},
		Names: []string{"a", "", "\xff"},
	}
	var out codec
	batch.code(&out)
	in := codec{bytes: out.bytes, reading: true}
	var got compiledBatch
	if got.code(&in); in.err != nil || len(in.bytes) != 0 {
		t.Fatalf("error %v, %d bytes are left", in.err, len(in.bytes))
	}
	if diff := cmp.Diff(batch, got, cmp.AllowUnexported(compiledBatch{}, segments{})); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	for n := range out.bytes {
		in := codec{bytes: out.bytes[:n], reading: true}
		var got compiledBatch
		if got.code(&in); in.err == nil {
			t.Errorf("%d bytes of %d were read as a batch", n, len(out.bytes))
		}
	}
	in = codec{bytes: []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, reading: true} // a length that the bytes are too few for
	if new(compiledBatch).code(&in); in.err == nil {
		t.Error("a list longer than its bytes was read")
	}
}

// A field that is added to what the process is told, and not to the codec, would arrive as zero.
func TestCodecHasEveryField(t *testing.T) {
	for kind, want := range map[reflect.Type]int{
		reflect.TypeFor[compiledBatch](): 3,
		reflect.TypeFor[compiledSlot]():  3,
		reflect.TypeFor[compiledCall]():  9,
	} {
		n := 0
		for i := range kind.NumField() {
			if kind.Field(i).IsExported() { // the others are the process's own
				n++
			}
		}
		if n != want {
			t.Errorf("%v has %d fields, of which the codec passes on %d", kind, n, want)
		}
	}
}
