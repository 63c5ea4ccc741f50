#!/usr/bin/env node
'use strict';
// kcp_server.js - an echo server of the original ikcp (npm node-kcp, see install_peer.sh), as most programs run it: one
// ikcp_update() a millisecond. What penstock's sender is compared with, over the same path.
//
// stdout: "up" when it serves, and at the end a JSON line with {sessions, bytes, rx_datagrams, tx_datagrams}.
// Exit: 0 when told to end, or after --seconds; 2 wrong options.

const dgram = require('dgram');
const { isIP } = require('net');
const { KCP_OPTIONS, loadKcp, runProgram } = require('./kcp_program.js');

const TICK_MS = 1;
const SOCKET_BUFFER_BYTES = 4 << 20;
const HEADER_BYTES = 24;

const OPTIONS = {
  address: ['', 'the address to serve at'],
  port: [4000, 'its port'],
  seconds: [600, 'after which it ends'],
  ...KCP_OPTIONS,
};

class Server {
  constructor(options) {
    if (isIP(options.address) === 0) throw new Error(`--address: '${options.address}' is none`);
    this.options = options;
    this.kcpClass = loadKcp(options.peer);
    this.sessions = new Map();
    this.counters = { bytes: 0, rx_datagrams: 0, tx_datagrams: 0 };
  }

  run() {
    this.socket = dgram.createSocket({
      type: isIP(this.options.address) === 6 ? 'udp6' : 'udp4',
      recvBufferSize: SOCKET_BUFFER_BYTES, sendBufferSize: SOCKET_BUFFER_BYTES,
    });
    this.socket.on('message', (datagram, from) => this.receive(datagram, from));
    this.socket.bind(this.options.port, this.options.address, () => console.log('up'));
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.over = setTimeout(() => this.end(), this.options.seconds * 1000);
  }

  receive(datagram, from) {
    if (datagram.length < HEADER_BYTES) return;
    this.counters.rx_datagrams += 1;
    const conv = datagram.readUInt32LE(0);
    const key = `${from.address} ${from.port} ${conv}`;
    let kcp = this.sessions.get(key);
    if (kcp === undefined) {
      kcp = this.open(conv, from);
      this.sessions.set(key, kcp);
    }
    kcp.input(datagram);
    for (let bytes = kcp.recv(); bytes !== undefined; bytes = kcp.recv()) {
      this.counters.bytes += bytes.length;
      kcp.send(bytes);
    }
  }

  open(conv, { address, port }) {
    const { nodelay, interval, resend, nc, mtu, 'snd-wnd': sndWnd, 'rcv-wnd': rcvWnd } = this.options;
    const kcp = new this.kcpClass(conv, {});
    kcp.nodelay(nodelay, interval, resend, nc);
    kcp.wndsize(sndWnd, rcvWnd);
    kcp.setmtu(mtu);
    kcp.output((bytes) => {
      this.counters.tx_datagrams += 1;
      this.socket.send(bytes, port, address);
    });
    return kcp;
  }

  tick() {
    const ms = Math.floor(performance.now());
    for (const kcp of this.sessions.values()) kcp.update(ms);
  }

  end() {
    clearInterval(this.timer);
    clearTimeout(this.over);
    this.socket.close();
    console.log(JSON.stringify({ sessions: this.sessions.size, ...this.counters }));
  }
}

runProgram('kcp_server', 'kcp_server.js --address ADDRESS [options]', OPTIONS, (options) => new Server(options));
