package store_test

import (
	"gnomon/meter"
	"gnomon/store"
)

var _ meter.Store = (*store.Traffic)(nil)
