'use strict';
// kcp_session.js - one session of the interop client: an ikcp control block
// (node-kcp) on a UDP socket of its own, sending messages in a closed loop and
// comparing every byte that comes back.
//
// The owner calls start(), then update(now) whenever `due` has come; the
// session tells the end through `onFinished`. Times are milliseconds of the
// process's steady clock; only round trips are kept in microseconds.

const dgram = require('dgram');

// Sessions with large messages receive bursts; the kernel cuts this down to
// its own limit (net.core.rmem_max).
const SOCKET_BUFFER_BYTES = 1 << 20;

class Session {
  // `options`: kcpClass, target {family, address, port}, conv, number,
  // messages, goesOn (tells whether more are wanted than these), concurrency, everyMs,
  // stream, tuning, payload, local, counters, onFinished.
  constructor(options) {
    Object.assign(this, options);
    this.sent = 0;          // messages handed to ikcp
    this.echoed = 0;        // messages whose last byte came back
    this.inFlight = [];     // {bytes, sentAt, matched}, oldest first
    this.due = 0;           // when update() is wanted next
    this.progressAt = 0;    // when a byte of an echo last arrived
    this.state = 'new';     // new, running, done, mismatch, timeout, error
    this.reason = '';
    this.socket = null;
    this.kcp = this.createKcp();
  }

  createKcp() {
    const kcp = new this.kcpClass(this.conv, {});
    const { nodelay, interval, resend, nc, sndWnd, rcvWnd, mtu } = this.tuning;
    kcp.nodelay(nodelay, interval, resend, nc);
    kcp.wndsize(sndWnd, rcvWnd);
    if (kcp.setmtu(mtu) !== 0) throw new Error(`--mtu: ikcp refuses ${mtu}`);
    kcp.stream(this.stream ? 1 : 0);
    kcp.output((data) => this.transmit(data));
    return kcp;
  }

  start(now) {
    this.socket = dgram.createSocket({
      type: this.target.family === 6 ? 'udp6' : 'udp4',
      recvBufferSize: SOCKET_BUFFER_BYTES,
      sendBufferSize: SOCKET_BUFFER_BYTES,
    });
    this.socket.on('message', (datagram) => this.receive(datagram));
    this.socket.on('error', (error) => this.socketError(error));
    this.socket.on('connect', () => this.connected());
    this.progressAt = now;
    // A connected socket spares node a name look-up for each datagram.
    const connect = () => this.socket.connect(this.target.port, this.target.address);
    if (this.local) this.socket.bind(0, this.local, connect);
    else connect();
  }

  connected() {
    if (this.state !== 'new') return;
    this.state = 'running';
    const now = performance.now();
    // ikcp refuses to flush before its first update.
    this.kcp.update(Math.floor(now));
    this.nextAt = now;  // with everyMs: when the next message is due
    this.sendMore();
  }

  get finished() {
    return this.state !== 'new' && this.state !== 'running';
  }

  // Lets ikcp do what is due: acknowledgements, retransmissions, probes.
  // It goes on after the last echo, because the server still waits for acks.
  update(now) {
    if (this.state === 'new' || this.socket === null) return;
    const ms = Math.floor(now);
    if (this.everyMs > 0 && this.state === 'running') {
      this.sendMore();
      // No more may be wanted since the last echo came.
      this.finishIfDone();
    }
    this.kcp.update(ms);
    this.due = now + Math.max(1, this.kcp.check(ms));
    if (this.everyMs > 0 && this.state === 'running') this.due = Math.min(this.due, this.nextAt);
  }

  get wantsMore() {
    return this.sent < this.messages || this.goesOn();
  }

  // Messages that are wanted, be it now or from the beginning.
  get wanted() {
    return Math.max(this.messages, this.sent);
  }

  mayBegin() {
    if (this.everyMs === 0) return this.inFlight.length < this.concurrency;
    if (performance.now() < this.nextAt) return false;
    this.nextAt += this.everyMs;
    return true;
  }

  sendMore() {
    let added = false;
    while (this.wantsMore && this.mayBegin()) {
      const bytes = this.payload.message(this.number, this.sent);
      const result = this.kcp.send(bytes);
      if (result < 0) {
        this.finish('error', `ikcp_send refuses ${bytes.length} bytes (${result}): ` +
                             'more than 127 fragments, raise --mtu or lower --sizes');
        return;
      }
      this.sent += 1;
      this.inFlight.push({ bytes, sentAt: performance.now(), matched: 0 });
      added = true;
    }
    if (added) this.kcp.flush();
  }

  transmit(datagram) {
    if (this.socket === null) return;
    this.counters.txDatagrams += 1;
    this.socket.send(datagram);
  }

  receive(datagram) {
    if (this.socket === null) return;
    this.counters.rxDatagrams += 1;
    if (this.kcp.input(datagram) < 0) this.counters.badDatagrams += 1;
    for (let bytes = this.kcp.recv(); bytes !== undefined; bytes = this.kcp.recv()) {
      if (!this.compare(bytes)) return;
    }
    if (this.state === 'running') this.sendMore();
  }

  // In message mode one recv() is one whole message. In stream mode borders
  // are not kept, so the bytes are matched against all that is in flight.
  compare(bytes) {
    this.progressAt = performance.now();
    if (!this.stream && this.inFlight.length > 0 &&
        bytes.length !== this.inFlight[0].bytes.length) {
      return this.mismatch(0, `the echo has ${bytes.length} bytes, ` +
                              `${this.inFlight[0].bytes.length} were sent`);
    }
    let from = 0;
    while (from < bytes.length) {
      if (this.inFlight.length === 0) {
        return this.mismatch(0, `${bytes.length - from} bytes came that were never sent`);
      }
      const head = this.inFlight[0];
      const length = Math.min(bytes.length - from, head.bytes.length - head.matched);
      const wrong = head.bytes.compare(bytes, from, from + length,
                                       head.matched, head.matched + length) !== 0;
      if (wrong) return this.mismatch(head.matched, this.firstDifference(head, bytes, from));
      head.matched += length;
      from += length;
      this.counters.bytes += length;
      if (head.matched === head.bytes.length) this.messageDone(head);
    }
    return true;
  }

  messageDone(head) {
    this.inFlight.shift();
    this.echoed += 1;
    this.counters.messages += 1;
    this.counters.roundTripsUs.push(Math.round((this.progressAt - head.sentAt) * 1000));
    this.finishIfDone();
  }

  finishIfDone() {
    if (this.echoed === this.sent && !this.wantsMore) this.finish('done', '');
  }

  firstDifference(head, bytes, from) {
    let at = 0;
    while (head.bytes[head.matched + at] === bytes[from + at]) at += 1;
    return `byte ${head.matched + at} of ${head.bytes.length} is ${bytes[from + at]}, ` +
           `sent was ${head.bytes[head.matched + at]}`;
  }

  mismatch(offset, what) {
    this.finish('mismatch', `message ${this.echoed} from byte ${offset} on: ${what}`);
    return false;
  }

  // ECONNREFUSED means that nobody listens there (yet): ikcp sends again, and
  // the hang guard ends it. Everything else is counted and told at the end.
  socketError(error) {
    if (error.code === 'ECONNREFUSED') {
      this.counters.refused += 1;
      return;
    }
    this.counters.socketErrors += 1;
    this.counters.lastSocketError = `${error.code || ''} ${error.message}`.trim();
    if (this.state === 'new') this.finish('error', this.counters.lastSocketError);
  }

  // The first end counts, but for bytes that come after all was well: nobody
  // sent them, so the session fails after all.
  finish(state, reason) {
    const surplus = this.state === 'done' && state === 'mismatch';
    if (this.finished && !surplus) return;
    this.state = state;
    this.reason = reason;
    this.onFinished(this, surplus);
  }

  close() {
    if (this.socket === null) return;
    this.socket.close();
    this.socket = null;
  }
}

module.exports = { Session };
