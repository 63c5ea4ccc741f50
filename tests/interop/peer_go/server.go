package main

import (
	"fmt"
	"io"

	kcp "github.com/xtaci/kcp-go"
)

// runServer echoes on every session until the process is ended.
func runServer(address string, tune tuning) error {
	listener, err := kcp.ListenWithOptions(address, nil, 0, 0)
	if err != nil {
		return err
	}
	fmt.Println("serving")
	for {
		session, err := listener.AcceptKCP()
		if err != nil {
			return err
		}
		if err := tune.apply(session); err != nil {
			return err
		}
		fmt.Printf("accepted conv=%d from=%s\n", session.GetConv(), session.RemoteAddr())
		go func() {
			_, err := io.Copy(session, session)
			fmt.Printf("ended conv=%d: %v\n", session.GetConv(), err)
		}()
	}
}
