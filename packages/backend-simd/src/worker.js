/**
 * A thread of the pool, in Node and in browsers. It is JavaScript, and imports nothing: so it runs from the sources as well
 * as from `dist`, and bundlers need not bundle it. Its first message is `start` (see Pool), the others bring modules.
 *
 * It sleeps in Atomics.wait, where no message arrives: it leaves its loop when the count of modules has grown, and takes it
 * up again when the module has come.
 */
function serve({ memory, index, generation, layout, native }, close) {
  const { at, spins: SPINS } = layout;
  const control = new Int32Array(memory.buffer, layout.control, layout.words);
  const args = new Float64Array(memory.buffer, layout.arguments, layout.mostArguments);
  const addon = native && open(native, memory);
  const functions = [];
  let modules = 0;
  let ready = false;
  let seen = 0;

  const work = () => {
    const call = functions[control[at.FUNCTION]];
    if (!call || index >= control[at.LIMIT]) return;
    const items = control[at.ITEMS];
    const grain = control[at.GRAIN];
    const list = Array.from(args.subarray(0, control[at.ARITY]));
    let chunks = 0;
    for (;;) {
      const begin = Atomics.add(control, at.NEXT, grain);
      if (begin >= items) break;
      call(begin, Math.min(items, begin + grain), index, ...list);
      chunks++;
    }
    control[at.CHUNKS + index] += chunks;
  };

  const loop = () => {
    for (;;) {
      let spins = 0;
      while (Atomics.load(control, at.SEQUENCE) === seen) {
        if (++spins < SPINS) continue;
        Atomics.add(control, at.SLEEPERS, 1);
        Atomics.wait(control, at.SEQUENCE, seen);
        Atomics.sub(control, at.SLEEPERS, 1);
      }
      seen = Atomics.load(control, at.SEQUENCE);
      if (Atomics.load(control, at.GENERATION) !== generation) return close();
      if (Atomics.load(control, at.MODULES) > modules) return;
      Atomics.add(control, at.ACTIVE, 1);
      try {
        // The generation again: a job that opened since belongs to the workers that came after this one.
        if (Atomics.load(control, at.OPEN) && Atomics.load(control, at.GENERATION) === generation) work();
      } catch {
        Atomics.store(control, at.FAILED, 1);
      }
      if (Atomics.sub(control, at.ACTIVE, 1) === 1 && Atomics.load(control, at.WAITING)) {
        Atomics.notify(control, at.ACTIVE);
      }
    }
  };

  return ({ module, native }) => {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    for (const value of Object.values(exports)) {
      if (typeof value === 'function') functions.push(value);
    }
    for (const name of native) functions.push(addon[name]);
    if (++modules < Atomics.load(control, at.MODULES)) return;
    if (!ready && Atomics.load(control, at.GENERATION) === generation) Atomics.add(control, at.READY, 1);
    ready = true;
    loop();
  };
}

/** The functions of an addon for this memory. What it says when that fails ends the thread, and the others go on. */
function open({ file, build }, memory) {
  const addon = { exports: {} };
  process.dlopen(addon, file);
  return addon.exports.join(new Uint8Array(memory.buffer), build).functions;
}

let load;
const receive = (message, close) => {
  if (message.start) load = serve(message.start, close);
  else load(message);
};
// Not import(): in a browser's worker a message that comes while a module waits would be lost, and bundlers would follow it.
const port = globalThis.process?.getBuiltinModule?.('node:worker_threads').parentPort;
if (port) port.on('message', (message) => receive(message, () => port.close()));
else self.onmessage = ({ data }) => receive(data, () => self.close());
