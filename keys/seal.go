package keys

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/secrets/localsecrets"
)

// A sealed object begins with a line that says so, and one of JSON that has a key of its own, encrypted by a key of the ring.
// The rest is in chunks, each encrypted by that key with AES-256-GCM under its number and whether it is the last, so that
// nothing can be changed, left out, put elsewhere or cut off unnoticed.
const (
	magic      = "gnomon-sealed-1\n"
	secretSize = 32
	chunkSize  = 64 << 10 // bytes of what is encrypted
	maxHeader  = 4 << 10
)

type header struct {
	Key     string `json:"key"`     // ID
	Version int    `json:"version"` // from 0 on
	Wrapped []byte `json:"wrapped"` // the object's key
}

// Seal returns a writer that encrypts what is written to it, by a key of that name, and writes it to w. Close writes what is
// left; it does not close w.
func (r *Ring) Seal(ctx context.Context, name string, w io.Writer) (io.WriteCloser, error) {
	k, err := r.Find(name)
	if err != nil {
		return nil, err
	}
	own := make([]byte, secretSize)
	rand.Read(own)
	h := header{Key: k.ID, Version: len(k.Versions) - 1}
	keeper := localsecrets.NewKeeper([secretSize]byte(k.Versions[h.Version].Secret))
	defer keeper.Close()
	if h.Wrapped, err = keeper.Encrypt(ctx, own); err != nil {
		return nil, fmt.Errorf("seal by key %s: %w", name, err)
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(append([]byte(magic), text...), '\n')); err != nil {
		return nil, err
	}
	return &sealer{to: w, chunks: newChunks(own, text)}, nil
}

// Sealed reports whether what is to be read is sealed.
func (r *Ring) Sealed(from *bufio.Reader) bool { return sealed(from) }

func sealed(r *bufio.Reader) bool {
	begin, _ := r.Peek(len(magic))
	return string(begin) == magic
}

// Unseal returns a reader of what was sealed. It fails where something was changed or is missing.
func (r *Ring) Unseal(ctx context.Context, from *bufio.Reader) (io.Reader, error) {
	if !sealed(from) {
		return nil, errors.New("unseal: it is not sealed")
	}
	from.Discard(len(magic))
	line, err := readLine(from, maxHeader)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	k, err := r.Find(h.Key)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	if h.Version < 0 || h.Version >= len(k.Versions) {
		return nil, fmt.Errorf("unseal: key %s has no version %d", k.ID, h.Version)
	}
	keeper := localsecrets.NewKeeper([secretSize]byte(k.Versions[h.Version].Secret))
	defer keeper.Close()
	own, err := keeper.Decrypt(ctx, h.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("unseal by key %s: %w", k.ID, err)
	}
	if len(own) != secretSize {
		return nil, errors.New("unseal: the object's key is not whole")
	}
	return &unsealer{from: from, chunks: newChunks(own, line)}, nil
}

// readLine reads up to the end of a line, which it leaves out.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for len(line) <= most {
		b, err := r.ReadByte()
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		if b == '\n' {
			return line, nil
		}
		line = append(line, b)
	}
	return nil, errors.New("the header is too long")
}

// chunks encrypts and decrypts chunks in order. The key is never used for anything else, so a number is enough of a nonce.
type chunks struct {
	aead   cipher.AEAD
	header []byte // which cannot be another's either
	next   uint64
}

func newChunks(key, header []byte) chunks {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // its size is right
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that it needs
	}
	return chunks{aead: aead, header: header}
}

func (c *chunks) nonce(last bool) []byte {
	var n [12]byte
	binary.BigEndian.PutUint64(n[:], c.next)
	if last {
		n[11] = 1
	}
	c.next++
	return n[:]
}

type sealer struct {
	to      io.Writer
	chunks  chunks
	pending []byte
	out     []byte
	err     error
}

func (s *sealer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && s.err == nil {
		if len(s.pending) == chunkSize {
			s.flush(false)
		}
		room := min(len(p), chunkSize-len(s.pending))
		s.pending, p = append(s.pending, p[:room]...), p[room:]
	}
	if s.err != nil {
		return 0, s.err
	}
	return n, nil
}

func (s *sealer) flush(last bool) {
	s.out = s.chunks.aead.Seal(s.out[:0], s.chunks.nonce(last), s.pending, s.chunks.header)
	s.pending = s.pending[:0]
	if _, err := s.to.Write(s.out); s.err == nil {
		s.err = err
	}
}

// Close writes the last chunk.
func (s *sealer) Close() error {
	if s.err == nil {
		s.flush(true)
	}
	err := s.err
	s.err = errors.New("it is closed")
	return err
}

type unsealer struct {
	from   *bufio.Reader
	chunks chunks
	in     []byte
	open   bytes.Reader // what is decrypted and not read yet
	over   bool
	err    error // which is the last word
}

func (u *unsealer) Read(p []byte) (int, error) {
	for u.open.Len() == 0 {
		switch {
		case u.err != nil:
			return 0, u.err
		case u.over:
			return 0, io.EOF
		}
		u.err = u.fill()
	}
	return u.open.Read(p)
}

func (u *unsealer) fill() error {
	if u.in == nil {
		u.in = make([]byte, chunkSize+u.chunks.aead.Overhead())
	}
	n, err := io.ReadFull(u.from, u.in)
	if err != nil && err != io.ErrUnexpectedEOF {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // every object has a last chunk
		}
		return fmt.Errorf("unseal: %w", err)
	}
	_, err = u.from.Peek(1)
	u.over = err == io.EOF
	plain, err := u.chunks.aead.Open(u.in[:0], u.chunks.nonce(u.over), u.in[:n], u.chunks.header)
	if err != nil {
		return errors.New("unseal: it was changed, or is not whole")
	}
	u.open.Reset(plain)
	return nil
}
