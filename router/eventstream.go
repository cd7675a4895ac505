package router

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
)

// A framer makes messages of AWS's event stream (application/vnd.amazon.eventstream): the length of all, the length of
// the headers and a checksum of both; the headers; the payload; a checksum of everything. Numbers are big endian,
// checksums are CRC-32 as in Ethernet.
type framer struct {
	head []byte // all before the payload
	text []byte // the payload of an exception
	crc  [4]byte
}

// overhead is what a message has beside headers and payload.
const overhead = 16

// payload makes head and crc for a PayloadPart.
func (f *framer) payload(data []byte) {
	f.begin()
	f.header(":message-type", "event")
	f.header(":event-type", "PayloadPart")
	f.header(":content-type", "application/octet-stream")
	f.end(data)
}

// exception makes head, text and crc for an error in the middle of a stream.
func (f *framer) exception(name, code, message string) {
	text, err := json.Marshal(struct {
		Message   string
		ErrorCode string `json:",omitempty"`
	}{message, code})
	if err != nil {
		panic(err) // two strings always marshal
	}
	f.text = text
	f.begin()
	f.header(":message-type", "exception")
	f.header(":exception-type", name)
	f.header(":content-type", "application/json")
	f.end(f.text)
}

// begin leaves room for the lengths and their checksum.
func (f *framer) begin() { f.head = append(f.head[:0], make([]byte, 12)...) }

// header appends one header with a string for its value, which is type 7.
func (f *framer) header(name, value string) {
	f.head = append(f.head, byte(len(name)))
	f.head = append(f.head, name...)
	f.head = append(f.head, 7)
	f.head = binary.BigEndian.AppendUint16(f.head, uint16(len(value)))
	f.head = append(f.head, value...)
}

func (f *framer) end(payload []byte) {
	binary.BigEndian.PutUint32(f.head[0:], uint32(len(f.head)+len(payload)+4))
	binary.BigEndian.PutUint32(f.head[4:], uint32(len(f.head)+4-overhead))
	binary.BigEndian.PutUint32(f.head[8:], crc32.ChecksumIEEE(f.head[:8]))
	sum := crc32.Update(crc32.ChecksumIEEE(f.head), crc32.IEEETable, payload)
	binary.BigEndian.PutUint32(f.crc[:], sum)
}
