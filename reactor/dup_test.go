package reactor_test

import "golang.org/x/sys/unix"

func dup(fd int) (int, error) { return unix.Dup(fd) }
