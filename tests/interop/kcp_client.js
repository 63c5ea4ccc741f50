#!/usr/bin/env node
'use strict';
// kcp_client.js - the real KCP client of the interop tests and of run.sh: the
// original ikcp (npm node-kcp, see install_peer.sh) over the kernel's UDP
// sockets. N sessions, each with a socket and a conv of its own, send messages
// to an echo service and compare every byte that comes back.
//
// stdout: one JSON line per second with "progress":true, and a last one with
//   {sessions, messages, bytes, mismatches, timeouts, rtt_us:{p50,p99,max}, ok}.
// stderr: a sentence for each of the first sessions that failed.
// Exit: 0 every session got every byte back, 1 not so, 2 wrong options.

const fs = require('fs');
const { randomBytes } = require('crypto');
const { isIP } = require('net');
const { Payload, parseSizes } = require('./kcp_payload.js');
const { KCP_OPTIONS, loadKcp, runProgram } = require('./kcp_program.js');
const { Session } = require('./kcp_session.js');

const FAILURES_TOLD_MAX = 5;
// After the last echo the server may still wait for acknowledgements.
const LINGER_MS = 150;

// name: [default, help]. A number as default asks for a whole number.
const OPTIONS = {
  target: [[], 'ADDRESS:PORT or [V6]:PORT of the echo service; may be repeated, sessions take turns'],
  sessions: [1, 'number of sessions'],
  messages: [10, 'messages of each session'],
  'while-exists': ['', 'go on beyond them as long as this file is there'],
  sizes: ['1,100,1376,1377,10000,100000', 'message sizes in bytes, used in turn'],
  concurrency: [1, 'messages in flight per session'],
  'every-ms': [0, 'a message each so many ms, however many are in flight; 0: as concurrency allows'],
  mode: ['message', 'message or stream; as the listener has it'],
  seed: [1, 'seed of the message contents'],
  'conv-base': [-1, 'conv of the first session; -1 = chosen at random'],
  local: ['', 'address to send from'],
  'stall-ms': [30000, 'hang guard: give a session up after this long without an echoed byte'],
  'run-ms': [0, 'hang guard: give all up after this long; 0 = never'],
  ...KCP_OPTIONS,
};

function parseTarget(text) {
  const match = /^\[(.+)\]:(\d+)$/.exec(text) || /^([^:]+):(\d+)$/.exec(text);
  const family = match ? isIP(match[1].split('%')[0]) : 0;
  const port = match ? Number(match[2]) : 0;
  if (family === 0 || port < 1 || port > 65535) {
    throw new Error(`--target: '${text}' is not ADDRESS:PORT or [V6ADDRESS]:PORT`);
  }
  return { family, address: match[1], port };
}

// What the table cannot say.
function check(options) {
  if (options.target.length === 0) throw new Error('--target is missing');
  if (!['message', 'stream'].includes(options.mode)) {
    throw new Error(`--mode: '${options.mode}' is neither message nor stream`);
  }
  for (const name of ['sessions', 'messages', 'concurrency']) {
    if (options[name] < 1) throw new Error(`--${name}: must be at least 1`);
  }
  options.targets = options.target.map(parseTarget);
  options.sizes = parseSizes(options.sizes);
  return options;
}

class Client {
  constructor(options) {
    this.options = options;
    this.counters = {
      messages: 0, bytes: 0, txDatagrams: 0, rxDatagrams: 0, badDatagrams: 0,
      refused: 0, socketErrors: 0, lastSocketError: '', roundTripsUs: [],
    };
    this.unfinished = options.sessions;
    this.goesOn = options['while-exists'] !== '';
    this.startedAt = performance.now();
    this.told = 0;
    this.sessions = this.createSessions(loadKcp(options.peer));
  }

  createSessions(kcpClass) {
    const o = this.options;
    const tuning = { nodelay: o.nodelay, interval: o.interval, resend: o.resend, nc: o.nc,
                     sndWnd: o['snd-wnd'], rcvWnd: o['rcv-wnd'], mtu: o.mtu };
    const payload = new Payload(o.seed, o.sizes);
    // A fresh range of convs per run: a listener that knows sessions by conv
    // alone must not take this run for the last one.
    const base = o['conv-base'] >= 0 ? o['conv-base'] : randomBytes(4).readUInt32LE() >>> 1;
    return Array.from({ length: o.sessions }, (_, number) => new Session({
      kcpClass, tuning, payload, number, conv: base + number,
      target: o.targets[number % o.targets.length], local: o.local,
      messages: o.messages, goesOn: () => this.goesOn, concurrency: o.concurrency,
      everyMs: o['every-ms'], stream: o.mode === 'stream',
      counters: this.counters, onFinished: (session, again) => this.sessionFinished(session, again),
    }));
  }

  run() {
    for (const session of this.sessions) session.start(this.startedAt);
    this.reporter = setInterval(() => this.report(), 1000);
    this.turn();
  }

  // The one timer of all sessions: it updates those that are due and sleeps
  // until the earliest next one.
  turn() {
    const now = performance.now();
    this.goesOn = this.goesOn && fs.existsSync(this.options['while-exists']);
    let next = now + this.options.interval;
    for (const session of this.sessions) {
      if (session.due <= now) session.update(now);
      if (session.due > now && session.due < next) next = session.due;
    }
    this.guard(now);
    if (this.unfinished === 0 && this.endAt === undefined) this.endAt = now + LINGER_MS;
    if (this.endAt !== undefined && now >= this.endAt) {
      this.end();
      return;
    }
    this.timer = setTimeout(() => this.turn(), Math.max(1, next - now));
  }

  guard(now) {
    const { 'stall-ms': stallMs, 'run-ms': runMs } = this.options;
    const allOver = runMs > 0 && now - this.startedAt > runMs;
    for (const session of this.sessions) {
      if (session.finished) continue;
      if (allOver) session.finish('timeout', `not done after ${runMs} ms (--run-ms)`);
      else if (now - session.progressAt > stallMs) {
        session.finish('timeout', `no echoed byte for ${stallMs} ms (--stall-ms)`);
      }
    }
  }

  sessionFinished(session, again) {
    if (!again) this.unfinished -= 1;
    if (session.state === 'done' || ++this.told > FAILURES_TOLD_MAX) return;
    const { address, port } = session.target;
    console.error(`session ${session.number} (conv ${session.conv}, ${address} port ${port}), ` +
                  `${session.echoed} of ${session.wanted} messages echoed: ${session.reason}`);
  }

  figures() {
    const c = this.counters;
    const count = (state) => this.sessions.filter((s) => s.state === state).length;
    return {
      sessions: this.sessions.length, finished: count('done'), messages: c.messages,
      messages_wanted: this.sessions.reduce((sum, s) => sum + s.wanted, 0), bytes: c.bytes,
      mismatches: count('mismatch'), timeouts: count('timeout'), errors: count('error'),
      tx_datagrams: c.txDatagrams, rx_datagrams: c.rxDatagrams,
      bad_datagrams: c.badDatagrams, refused: c.refused, socket_errors: c.socketErrors,
      elapsed_ms: Math.round(performance.now() - this.startedAt),
    };
  }

  report() {
    console.log(JSON.stringify({ progress: true, ...this.figures() }));
  }

  end() {
    clearTimeout(this.timer);
    clearInterval(this.reporter);
    const figures = this.figures();
    if (this.unfinished > 0) figures.interrupted = true;
    if (this.counters.lastSocketError) figures.last_socket_error = this.counters.lastSocketError;
    figures.rtt_us = percentiles(this.counters.roundTripsUs);
    figures.ok = figures.finished === figures.sessions && figures.mismatches === 0;
    for (const session of this.sessions) session.close();
    console.log(JSON.stringify(figures));
    process.exitCode = figures.ok ? 0 : 1;
  }
}

function percentiles(samples) {
  const sorted = Float64Array.from(samples).sort();
  const at = (share) => sorted.length === 0 ? 0
    : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

runProgram('kcp_client', 'kcp_client.js --target ADDRESS:PORT [options]', OPTIONS, (options) => new Client(check(options)));
