import { ARGUMENTS, CONTROL } from './heap.js';

/** Places of the control block, in words; those that threads write often lie in cache lines of their own. */
export const SEQUENCE = 0;
export const OPEN = 16;
export const NEXT = 32;
export const ACTIVE = 48;
export const SLEEPERS = 64;
export const WAITING = 80;
export const FUNCTION = 96;
export const ITEMS = 97;
export const GRAIN = 98;
export const ARITY = 99;
export const LIMIT = 100;
export const MODULES = 101;
export const FAILED = 102;
export const WORDS = 128;

/** How often a thread looks for work before it sleeps: some tens of microseconds. */
const SPINS = 4000;

/**
 * The script of a worker, for Node and browsers. It sleeps in Atomics.wait, so a new module can only reach it as a
 * message: it leaves its loop when the count of modules has grown, and takes it up again when the message has come.
 */
export const workerSource = `
'use strict';
const serve = ({ memory, index }, close) => {
  const control = new Int32Array(memory.buffer, ${CONTROL}, ${WORDS});
  const args = new Float64Array(memory.buffer, ${ARGUMENTS}, 64);
  const functions = [];
  let modules = 0;
  let seen = 0;
  const work = () => {
    const call = functions[control[${FUNCTION}]];
    if (!call || index >= control[${LIMIT}]) return;
    const items = control[${ITEMS}];
    const grain = control[${GRAIN}];
    const list = Array.from(args.subarray(0, control[${ARITY}]));
    for (;;) {
      const begin = Atomics.add(control, ${NEXT}, grain);
      if (begin >= items) return;
      call(begin, Math.min(items, begin + grain), index, ...list);
    }
  };
  const loop = () => {
    for (;;) {
      let spins = 0;
      while (Atomics.load(control, ${SEQUENCE}) === seen) {
        if (++spins < ${SPINS}) continue;
        Atomics.add(control, ${SLEEPERS}, 1);
        Atomics.wait(control, ${SEQUENCE}, seen);
        Atomics.sub(control, ${SLEEPERS}, 1);
      }
      seen = Atomics.load(control, ${SEQUENCE});
      if (Atomics.load(control, ${LIMIT}) < 0) return close();
      if (Atomics.load(control, ${MODULES}) > modules) return;
      Atomics.add(control, ${ACTIVE}, 1);
      try {
        if (Atomics.load(control, ${OPEN})) work();
      } catch (error) {
        Atomics.store(control, ${FAILED}, 1);
      }
      if (Atomics.sub(control, ${ACTIVE}, 1) === 1 && Atomics.load(control, ${WAITING})) Atomics.notify(control, ${ACTIVE});
    }
  };
  return (module) => {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    for (const name of Object.keys(exports)) if (typeof exports[name] === 'function') functions.push(exports[name]);
    if (++modules >= Atomics.load(control, ${MODULES})) loop();
  };
};
let load;
const receive = (message, close) => {
  if (message.memory) load = serve(message, close);
  else load(message.module);
};
if (typeof require === 'function') {
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', (message) => receive(message, () => parentPort.close()));
} else self.onmessage = (event) => receive(event.data, () => self.close());
`;
