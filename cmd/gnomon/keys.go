package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// A keysCommand works on the keyring in the data directory. A running server sees what is changed at once.
type keysCommand struct {
	Create  keysCreate  `cmd:"" help:"Make a key and print its ARN."`
	List    keysList    `cmd:"" help:"List the keys."`
	Rotate  keysRotate  `cmd:"" help:"Give a key a new version; what older ones encrypted can still be read."`
	Disable keysDisable `cmd:"" help:"Forbid a key to encrypt and to decrypt."`
	Enable  keysEnable  `cmd:"" help:"Allow it again."`
}

type keysCreate struct {
	configFlags
	Alias string `help:"A name for it, as in alias/captures."`
}

// Run makes a key.
func (k *keysCreate) Run() error {
	c, err := k.loadBeside()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return err
	}
	made, err := c.keyring().Create(k.Alias)
	if err == nil {
		fmt.Println(c.keyring().ARN(made.ID))
	}
	return err
}

type keysList struct{ configFlags }

// Run lists the keys.
func (k *keysList) Run() error {
	c, err := k.loadBeside()
	if err != nil {
		return err
	}
	all, err := c.keyring().Keys()
	for _, key := range all {
		state := "enabled"
		if key.Disabled {
			state = "disabled"
		}
		last := key.Versions[len(key.Versions)-1]
		fmt.Printf("%s  %s  version %d of %s  %s\n", c.keyring().ARN(key.ID), state, len(key.Versions), last.Since.Format(time.DateOnly), strings.Join(key.Aliases, " "))
	}
	return err
}

// keyFlags name a key.
type keyFlags struct {
	configFlags
	Key string `arg:"" help:"Its ID, ARN or alias."`
}

type keysRotate struct{ keyFlags }

// Run rotates a key.
func (k *keysRotate) Run() error {
	c, err := k.loadBeside()
	if err != nil {
		return err
	}
	return c.keyring().Rotate(k.Key)
}

type keysDisable struct{ keyFlags }

// Run disables a key.
func (k *keysDisable) Run() error {
	c, err := k.loadBeside()
	if err != nil {
		return err
	}
	return c.keyring().Enable(k.Key, false)
}

type keysEnable struct{ keyFlags }

// Run enables a key.
func (k *keysEnable) Run() error {
	c, err := k.loadBeside()
	if err != nil {
		return err
	}
	return c.keyring().Enable(k.Key, true)
}
