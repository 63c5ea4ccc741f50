'use strict';
// kcp_program.js - what the programs that are ikcp share: a table of options, node-kcp (see install_peer.sh), and how they begin
// and end. Exit status 2 for wrong options.

const fs = require('fs');
const path = require('path');
const { parseArgs } = require('util');

// name: [default, help]. A number as default asks for a whole number.
const KCP_OPTIONS = {
  nodelay: [1, 'ikcp nodelay: 0, 1 or 2'],
  interval: [10, 'ikcp interval in ms'],
  resend: [2, 'ikcp fast resend after this many skips, 0 = off'],
  nc: [1, 'ikcp: 1 = no congestion window'],
  'snd-wnd': [1024, 'send window in segments'],
  'rcv-wnd': [1024, 'receive window in segments'],
  mtu: [1400, 'KCP datagram size in bytes'],
  peer: [path.join(__dirname, '../../build/peers/node-kcp'), 'where install_peer.sh put node-kcp'],
};

function usage(line, table) {
  const lines = Object.entries(table).map(([name, [value, help]]) => {
    const shown = name === 'peer' ? 'build/peers/node-kcp' : String(value);
    return `  --${name.padEnd(13)} ${help}${shown === '' ? '' : ` (${shown})`}`;
  });
  return `usage: ${line}\n${lines.join('\n')}\n`;
}

function parseOptions(table, argv) {
  const spec = { help: { type: 'boolean', short: 'h' } };
  for (const [name, [value]] of Object.entries(table)) {
    spec[name] = { type: 'string', multiple: Array.isArray(value) };
  }
  const { values } = parseArgs({ args: argv, options: spec });
  const options = { help: values.help === true };
  for (const [name, [value]] of Object.entries(table)) {
    const given = values[name] ?? value;
    options[name] = typeof value === 'number' ? Number(given) : given;
    if (typeof value === 'number' && !Number.isInteger(options[name])) {
      throw new Error(`--${name}: '${given}' is not a whole number`);
    }
  }
  return options;
}

function loadKcp(peer) {
  const addon = path.join(path.resolve(peer), 'node_modules/node-kcp/build/Release/kcp.node');
  if (!fs.existsSync(addon)) {
    throw new Error(`--peer: no node-kcp in '${peer}'; run tests/interop/install_peer.sh`);
  }
  return require(addon).KCP;
}

// `make` has options of the table, and gives what has run() and end().
function runProgram(name, line, table, make) {
  let program;
  try {
    const options = parseOptions(table, process.argv.slice(2));
    if (options.help) {
      process.stdout.write(usage(line, table));
      return;
    }
    program = make(options);
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    process.exitCode = 2;
    return;
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => program.end());
  program.run();
}

module.exports = { KCP_OPTIONS, loadKcp, runProgram };
