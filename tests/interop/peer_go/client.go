package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"net"
	"os"
	"sort"
	"sync"
	"time"

	kcp "github.com/xtaci/kcp-go"
)

const failuresToldMax = 5

type clientOptions struct {
	tuning
	targets            []string
	sessions, messages int
	sizes              []int
	seed               int64
	localPort          int
	stall, pause       time.Duration
}

type roundTrips struct {
	P50 int64 `json:"p50"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

// result has the names of kcp_client.js.
type result struct {
	Sessions       int        `json:"sessions"`
	Finished       int        `json:"finished"`
	Messages       int        `json:"messages"`
	MessagesWanted int        `json:"messages_wanted"`
	Bytes          int64      `json:"bytes"`
	Mismatches     int        `json:"mismatches"`
	Timeouts       int        `json:"timeouts"`
	Errors         int        `json:"errors"`
	RepeatSegments uint64     `json:"repeat_segments"`
	ElapsedMs      int64      `json:"elapsed_ms"`
	RttUs          roundTrips `json:"rtt_us"`
	Ok             bool       `json:"ok"`
}

// outcome is what became of one session.
type outcome struct {
	messages int
	bytes    int64
	trips    []int64
	state    string // done, mismatch, timeout or error
	reason   string
}

func runClient(options clientOptions) result {
	started := time.Now()
	outcomes := make([]outcome, options.sessions)
	var all sync.WaitGroup
	for i := range outcomes {
		all.Add(1)
		go func(number int) {
			defer all.Done()
			outcomes[number] = runSession(options, number)
		}(i)
	}
	all.Wait()
	return sum(options, outcomes, time.Since(started))
}

func sum(options clientOptions, outcomes []outcome, took time.Duration) result {
	total := result{Sessions: options.sessions, MessagesWanted: options.sessions * options.messages,
		ElapsedMs: took.Milliseconds(), RepeatSegments: kcp.DefaultSnmp.Copy().RepeatSegs}
	var trips []int64
	told := 0
	for number, one := range outcomes {
		total.Messages += one.messages
		total.Bytes += one.bytes
		trips = append(trips, one.trips...)
		switch one.state {
		case "done":
			total.Finished++
			continue
		case "mismatch":
			total.Mismatches++
		case "timeout":
			total.Timeouts++
		default:
			total.Errors++
		}
		if told++; told <= failuresToldMax {
			fmt.Fprintf(os.Stderr, "session %d, %d of %d messages echoed: %s\n", number, one.messages,
				options.messages, one.reason)
		}
	}
	sort.Slice(trips, func(a, b int) bool { return trips[a] < trips[b] })
	if count := len(trips); count > 0 {
		total.RttUs = roundTrips{P50: trips[count/2], P99: trips[count*99/100], Max: trips[count-1]}
	}
	total.Ok = total.Finished == total.Sessions && total.Mismatches == 0
	return total
}

// open dials from a socket of the session's own.
func open(options clientOptions, number int) (*kcp.UDPSession, net.PacketConn, error) {
	remote, err := net.ResolveUDPAddr("udp", options.targets[number%len(options.targets)])
	if err != nil {
		return nil, nil, err
	}
	local := &net.UDPAddr{}
	if options.localPort != 0 {
		local.Port = options.localPort + number
	}
	network := "udp4"
	if remote.IP.To4() == nil {
		network = "udp6"
	}
	socket, err := net.ListenUDP(network, local)
	if err != nil {
		return nil, nil, err
	}
	session, err := kcp.NewConn3(rand.New(rand.NewSource(time.Now().UnixNano()+int64(number))).Uint32(), remote, nil,
		0, 0, socket)
	if err != nil {
		return nil, socket, err
	}
	return session, socket, options.tuning.apply(session)
}

// runSession sends one message after the other and compares what comes back. kcp-go cuts what is written at its mss and keeps
// no borders, so that only the bytes count.
func runSession(options clientOptions, number int) outcome {
	session, socket, err := open(options, number)
	if socket != nil {
		defer socket.Close()
	}
	if session != nil {
		defer session.Close()
	}
	if err != nil {
		return outcome{state: "error", reason: err.Error()}
	}
	contents := rand.New(rand.NewSource(options.seed<<20 + int64(number)))
	var done outcome
	for done.messages < options.messages {
		message := make([]byte, options.sizes[done.messages%len(options.sizes)])
		contents.Read(message)
		sent := time.Now()
		if state, reason := echo(session, message, options.stall); state != "" {
			done.state, done.reason = state, reason
			return done
		}
		done.trips = append(done.trips, time.Since(sent).Microseconds())
		done.messages++
		done.bytes += int64(len(message))
		time.Sleep(options.pause)
	}
	// The last echo has to be acknowledged.
	time.Sleep(150 * time.Millisecond)
	done.state = "done"
	return done
}

// echo sends a message and reads as many bytes; tells how it failed, if it did.
func echo(session *kcp.UDPSession, message []byte, stall time.Duration) (state, reason string) {
	session.SetWriteDeadline(time.Now().Add(stall))
	// A message larger than the windows is written while its echo is read.
	written := make(chan error, 1)
	go func() {
		_, err := session.Write(message)
		written <- err
	}()
	buffer := make([]byte, 64<<10)
	for at := 0; at < len(message); {
		session.SetReadDeadline(time.Now().Add(stall))
		count, err := session.Read(buffer)
		if err != nil {
			return "timeout", fmt.Sprintf("after %d of %d bytes: %v", at, len(message), err)
		}
		if at+count > len(message) || !bytes.Equal(buffer[:count], message[at:at+count]) {
			return "mismatch", fmt.Sprintf("other bytes came back from byte %d of %d on", at, len(message))
		}
		at += count
	}
	if err := <-written; err != nil {
		return "error", err.Error()
	}
	return "", ""
}
