'use strict';
// kcp_payload.js - what the interop client sends: pseudo-random bytes that
// depend only on a seed, so that every byte of an echo can be compared.
//
// One pool of random bytes is made at start and a message is a window of it.
// That costs nothing per message, and two messages of more than a few bytes
// are never alike: an echo that reached the wrong session is seen.

const POOL_BYTES = 1 << 20;
const MESSAGE_BYTES_MAX = 1 << 20;

// xorshift32: small, repeatable in any language, and good enough for bytes
// that only have to differ from each other.
function nextRandom(state) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

function randomPool(seed, size) {
  const pool = Buffer.allocUnsafe(size);
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  for (let i = 0; i + 4 <= size; i += 4) {
    state = nextRandom(state);
    pool.writeUInt32LE(state, i);
  }
  return pool;
}

class Payload {
  // `sizes` is the list of message sizes in bytes, from 1 to MESSAGE_BYTES_MAX.
  constructor(seed, sizes) {
    this.sizes = sizes;
    this.seed = seed >>> 0;
    this.pool = randomPool(this.seed, POOL_BYTES + Math.max(...sizes) + 4);
  }

  // Sessions begin at different sizes, so that small and large messages are on
  // the wire at the same time and no burst of 100 kB messages starts the run.
  size(session, index) {
    return this.sizes[(session + index) % this.sizes.length];
  }

  // The bytes of message `index` of `session`: a view, not a copy.
  message(session, index) {
    const mixed = Math.imul(session + 1, 0x85ebca6b) ^
                  Math.imul(index + 1, 0xc2b2ae35) ^ this.seed;
    const offset = nextRandom(mixed >>> 0 || 1) % POOL_BYTES;
    return this.pool.subarray(offset, offset + this.size(session, index));
  }
}

// Parses "1,100,1376"; throws a sentence that names the option.
function parseSizes(text) {
  const sizes = text.split(',').map((word) => Number(word.trim()));
  for (const size of sizes) {
    if (!Number.isInteger(size) || size < 1 || size > MESSAGE_BYTES_MAX) {
      throw new Error(`--sizes: '${text}' must be whole numbers from 1 to ${MESSAGE_BYTES_MAX}`);
    }
  }
  return sizes;
}

module.exports = { Payload, parseSizes };
