// peer_go is kcp-go as a peer of the interop tests: a client that compares every byte that an echo service sends back, and an
// echo server for the attack that closes a session of kcp-go's.
//
//	peer_go --target ADDRESS:PORT [--target [V6]:PORT] --sessions N --messages N --sizes 1,100,10000
//	peer_go --serve ADDRESS:PORT
//
// The client writes one JSON line, with the names that kcp_client.js uses, and ends with 0 when every session got every byte
// back. The server writes a line for each session that begins or ends, until it is told to end.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	kcp "github.com/xtaci/kcp-go"
)

// targets gathers a flag that may be repeated.
type targets []string

func (t *targets) String() string     { return strings.Join(*t, " ") }
func (t *targets) Set(v string) error { *t = append(*t, v); return nil }

// tuning is what both ends of a session set.
type tuning struct {
	nodelay, interval, resend, nc int
	sndWnd, rcvWnd, mtu           int
	stream                        bool
}

func (t tuning) apply(s *kcp.UDPSession) error {
	s.SetNoDelay(t.nodelay, t.interval, t.resend, t.nc)
	s.SetWindowSize(t.sndWnd, t.rcvWnd)
	s.SetStreamMode(t.stream)
	if !s.SetMtu(t.mtu) {
		return fmt.Errorf("kcp-go refuses the mtu %d", t.mtu)
	}
	return nil
}

func parseSizes(text string) ([]int, error) {
	var sizes []int
	for _, word := range strings.Split(text, ",") {
		size, err := strconv.Atoi(word)
		if err != nil || size < 1 {
			return nil, fmt.Errorf("--sizes: '%s' is not a number of bytes", word)
		}
		sizes = append(sizes, size)
	}
	return sizes, nil
}

func main() {
	var (
		to       targets
		tune     tuning
		client   clientOptions
		serve    = flag.String("serve", "", "be an echo server at ADDRESS:PORT")
		mode     = flag.String("mode", "message", "message or stream, as the listener has it")
		sizeText = flag.String("sizes", "1,100,1376,1377,10000", "message sizes in bytes, used in turn")
		stallMs  = flag.Int("stall-ms", 30000, "give a session up after so long without a byte")
		pauseMs  = flag.Int("pause-ms", 0, "pause between two messages of a session")
		_        = flag.Int("run-ms", 0, "for the caller; the stall guards each session")
	)
	flag.Var(&to, "target", "ADDRESS:PORT of the echo service; may be repeated, sessions take turns")
	flag.IntVar(&client.sessions, "sessions", 1, "number of sessions")
	flag.IntVar(&client.messages, "messages", 10, "messages of each session")
	flag.IntVar(&client.localPort, "local-port", 0, "port of the first session; 0 = any")
	flag.Int64Var(&client.seed, "seed", 1, "seed of the message contents")
	flag.IntVar(&tune.nodelay, "nodelay", 1, "0, 1 or 2")
	flag.IntVar(&tune.interval, "interval", 10, "in ms")
	flag.IntVar(&tune.resend, "resend", 2, "fast resend after so many skips, 0 = off")
	flag.IntVar(&tune.nc, "nc", 1, "1 = no congestion window")
	flag.IntVar(&tune.sndWnd, "snd-wnd", 1024, "send window in segments")
	flag.IntVar(&tune.rcvWnd, "rcv-wnd", 1024, "receive window in segments")
	flag.IntVar(&tune.mtu, "mtu", 1400, "KCP datagram size in bytes")
	flag.Parse()
	tune.stream = *mode == "stream"
	client.tuning = tune
	client.targets = to
	client.stall = time.Duration(*stallMs) * time.Millisecond
	client.pause = time.Duration(*pauseMs) * time.Millisecond

	var err error
	client.sizes, err = parseSizes(*sizeText)
	if err == nil && *mode != "message" && *mode != "stream" {
		err = fmt.Errorf("--mode: '%s' is neither message nor stream", *mode)
	}
	if err == nil && len(to) == 0 && *serve == "" {
		err = fmt.Errorf("--target is missing")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "peer_go: %v\n", err)
		os.Exit(2)
	}
	if *serve != "" {
		err = runServer(*serve, tune)
		fmt.Fprintf(os.Stderr, "peer_go: %v\n", err)
		os.Exit(1)
	}
	result := runClient(client)
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
	if !result.Ok {
		os.Exit(1)
	}
}
