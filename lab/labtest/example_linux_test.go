package labtest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"golang.org/x/sys/unix"

	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/topology"
)

// network is a host with one NIC; its address is the first one of the network.
const network = `
name: by-hand
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, address: 192.0.2.1, as: x}}}}
`

// bindBeside listens on an address of the host and binds another socket to the
// wildcard address, same port.
func bindBeside(ctx context.Context) error {
	t, err := topology.Load(topology.Source{File: "by-hand.yaml", Text: []byte(network)})
	if err != nil {
		return err
	}
	l, err := fabric.Up(ctx, plan.New(&t.Layout))
	if err != nil {
		return err
	}
	defer l.Close()
	alpha := l.Host("alpha")
	x, _ := t.Host("alpha").Alias("x")
	return alpha.Do(func() error { // on a thread in alpha's network namespace
		a, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("socket: %w", err)
		}
		defer unix.Close(a)
		if err := unix.Bind(a, &unix.SockaddrInet4{Port: 80, Addr: x.As4()}); err != nil {
			return fmt.Errorf("bind(a, x:80): %w", err)
		}
		if err := unix.Listen(a, 5); err != nil {
			return fmt.Errorf("listen(a, 5): %w", err)
		}
		b, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("socket: %w", err)
		}
		defer unix.Close(b)
		return unix.Bind(b, &unix.SockaddrInet4{Port: 80})
	})
}

// A lab that is built from a text, and driven by calls of one's own.
func Example() {
	err := bindBeside(context.Background())
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		fmt.Println("the wildcard address is taken along with x")
	case err == nil:
		fmt.Println("both are bound")
	default:
		log.Fatal(err)
	}
}
