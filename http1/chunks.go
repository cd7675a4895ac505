package http1

// Limits of chunked bodies.
const (
	maxChunk       = 1 << 40
	maxSizeDigits  = 16
	maxSizeLine    = 256  // bytes of a size with its extension and the line end
	maxTrailerSize = 4096 // bytes of all trailers with the empty line
)

// Chunks takes a chunked body apart. Its zero value is at the beginning of one.
type Chunks struct {
	at   place
	left int64 // of the chunk, in bytes; while its size is read, what the digits so far say
	line int   // bytes of the size line, or of the trailers, so far
}

// place is what Chunks expects next.
type place uint8

const (
	firstDigit place = iota
	moreDigits
	extension
	sizeLF
	chunkData
	dataCR
	dataLF
	trailer // at the beginning of a line
	trailerName
	trailerValue
	trailerLF
	finalLF
	ended
)

// Next finds the next run of data at the beginning of b: the data, a slice of b that may be empty; how many bytes of b are
// done with by now, framing and data; and whether that was the end of the body and its trailers. Call it again with what
// follows those n bytes, be it a single one. If n is 0 and the body is not at its end, all of b is done with.
//
// Errors are *Error. After one, nothing on the connection can be trusted.
func (c *Chunks) Next(b []byte) (data []byte, n int, done bool, err error) {
	for n < len(b) && c.at != ended {
		if c.at == chunkData {
			data = b[n:][:min(c.left, int64(len(b)-n))]
			c.left -= int64(len(data))
			if c.left == 0 {
				c.at = dataCR
			}
			return data, n + len(data), false, nil
		}
		if err := c.step(b[n]); err != nil {
			return nil, 0, false, err
		}
		n++
	}
	return nil, n, c.at == ended, nil
}

// step takes one byte of framing.
func (c *Chunks) step(b byte) error {
	switch c.at {
	case firstDigit, moreDigits, extension, sizeLF:
		return c.sizeLine(b)
	case dataCR:
		return c.want('\r', b, dataLF)
	case dataLF:
		c.line = 0
		return c.want('\n', b, firstDigit)
	}
	return c.trailers(b)
}

func (c *Chunks) want(want, got byte, then place) error {
	if got != want {
		return errChunkEnding
	}
	c.at = then
	return nil
}

// sizeLine takes a byte of "size;extension\r\n". RFC 9112 has receivers put up with blanks around the semicolon that
// nobody may send; not all do, so there are none here.
func (c *Chunks) sizeLine(b byte) error {
	if c.line++; c.line > maxSizeLine {
		return errChunkLine
	}
	switch {
	case c.at == sizeLF:
		if c.left > 0 {
			return c.want('\n', b, chunkData)
		}
		c.line = 0
		return c.want('\n', b, trailer)
	case b == '\r' && c.at != firstDigit:
		c.at = sizeLF
	case b == '\n':
		return errChunkEnding
	case c.at == extension && isControl(b):
		return errChunkExt
	case c.at == extension:
	case b == ';' && c.at == moreDigits:
		c.at = extension
	default:
		return c.digit(b)
	}
	return nil
}

func (c *Chunks) digit(b byte) error {
	d, ok := hexadecimal(b)
	if !ok {
		return errChunkSize
	}
	c.left = c.left<<4 | d
	c.at = moreDigits
	if c.left > maxChunk || c.line > maxSizeDigits {
		return errChunkLarge
	}
	return nil
}

func hexadecimal(c byte) (int64, bool) {
	switch c = toLower(c); {
	case '0' <= c && c <= '9':
		return int64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10, true
	}
	return 0, false
}

// trailers takes a byte of "Name: value\r\n" lines and the empty one behind them.
func (c *Chunks) trailers(b byte) error {
	if c.line++; c.line > maxTrailerSize {
		return errTrailers
	}
	switch {
	case c.at == finalLF && b == '\n':
		c.at = ended
	case c.at == trailerLF && b == '\n':
		c.at = trailer
	case c.at == finalLF || c.at == trailerLF || b == '\n':
		return errLineEnding
	case c.at == trailer && b == '\r':
		c.at = finalLF
	case c.at == trailer && isBlank(b):
		return errFolding
	case c.at == trailerValue && b == '\r':
		c.at = trailerLF
	case c.at == trailerValue && isControl(b):
		return errHeaderValue
	case c.at == trailerValue:
	case c.at == trailerName && b == ':':
		c.at = trailerValue
	case tokenBytes[b]:
		c.at = trailerName
	default:
		return errHeaderName
	}
	return nil
}
