package process

import "golang.org/x/sys/unix"

// CanRaise reports whether a running shadow can be given production's priority: with control groups, or with the right
// to set any priority. Otherwise a promoted model has to be started anew.
func (d *Driver) CanRaise() bool { return d.groups.cpu != "" || capable(unix.CAP_SYS_NICE) }

// capable reports whether this process has a capability. What cannot be found out is taken for a no.
func capable(c int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[c/32].Effective&(1<<(c%32)) != 0
}
