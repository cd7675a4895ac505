package process

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// canHide reports whether folders can be hidden from servers. It takes CAP_SYS_ADMIN.
func canHide() bool {
	can := make(chan bool)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread that has tried is of no more use, and ends
		can <- unix.Unshare(unix.CLONE_NEWNS) == nil
	}()
	return <-can
}

// hide gives the calling thread, and what it forks, a file system in which the folders are empty, but for those to be
// shown. It keeps servers from stumbling over each other and over Gnomon's secrets; it is no wall against a server that
// runs as root and looks for them.
func hide(hidden, shown []string) error {
	if len(hidden) == 0 {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	doors := make([]int, len(shown))
	for n, dir := range shown {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		defer unix.Close(fd)
		doors[n] = fd
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	for _, dir := range hidden {
		if err := unix.Mount("tmpfs", dir, "tmpfs", flags, "mode=0755,size=64k"); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	for n, dir := range shown {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", doors[n]), dir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	for _, dir := range hidden {
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY|flags, ""); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	return nil
}

// outermost returns the folders, absolute and without links, that are not inside another of them.
func outermost(dirs []string) ([]string, error) {
	var all []string
	for _, d := range dirs {
		d, err := filepath.Abs(d)
		if err != nil {
			return nil, err
		}
		if d, err = filepath.EvalSymlinks(d); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(slices.Clone(all), func(d string) bool {
		return slices.ContainsFunc(all, func(o string) bool { return strings.HasPrefix(d, o+"/") })
	}), nil
}
