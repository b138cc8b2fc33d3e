import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const folder = fileURLToPath(new URL('..', import.meta.url));

/** Runs the built package in a process of its own, with the workers that it starts in `workers`; ends with an error if it hangs. */
function inProcess(
  body: string,
  before: readonly string[] = [],
  flags: readonly string[] = [],
): Promise<{ stdout: string; stderr: string }> {
  const script = `
    import { syncBuiltinESMExports } from 'node:module';
    import threads from 'node:worker_threads';
    import * as tf from '@tensorflow/tfjs';
    import { register } from '@blip2/backend-simd';
    const workers = [];
    threads.Worker = class extends threads.Worker {
      constructor(...given) {
        super(...given);
        workers.push(this);
      }
    };
    syncBuiltinESMExports();
    const product = () => tf.tidy(() => tf.matMul(tf.ones([400, 400]), tf.ones([400, 400])).dataSync()[7]);
    const say = (...values) => process.stdout.write(values.join(' ') + '\\n');
    ${body}`;
  const command = [...before, process.execPath, ...flags, '--input-type=module', '-e', script];
  return promisify(execFile)(command[0] as string, command.slice(1), { cwd: folder, timeout: 25_000 });
}

test('a process ends by itself: with idle threads, with threads that still start, and with more and fewer of them', async () => {
  const used = inProcess(`
    const backend = await register({ threads: 3 });
    tf.setBackend('simd');
    for (let i = 0; i < 20; i++) product();
    await backend.pool.ready();
    say(backend.pool.threads, product());`);
  const unused = inProcess(`await register({ threads: 4 }); say('registered');`);
  const changed = inProcess(`
    const backend = await register({ threads: 1 });
    tf.setBackend('simd');
    for (const threads of [4, 2, 1, 3]) {
      backend.setThreads(threads);
      await backend.pool.ready();
      say(backend.pool.threads, product(), workers.length);
    }`);
  expect(await used).toMatchObject({ stdout: '3 400\n' });
  expect(await unused).toMatchObject({ stdout: 'registered\n' });
  expect(await changed).toMatchObject({ stdout: '4 400 3\n2 400 3\n1 400 3\n3 400 3\n' });
});

test('removing the backend ends its threads', async () => {
  const { stdout } = await inProcess(`
    await register({ threads: 3 });
    const gone = Promise.all(workers.map((worker) => new Promise((resolve) => worker.on('exit', resolve))));
    tf.removeBackend('simd');
    workers.forEach((worker) => worker.ref());
    await gone;
    say(workers.map((worker) => worker.threadId));`);
  expect(stdout).toBe('-1,-1\n');
});

test('a thread that is killed: one thread goes on, a warning says so, and the process ends', async () => {
  const { stdout, stderr } = await inProcess(`
    const backend = await register({ threads: 3 });
    tf.setBackend('simd');
    await backend.pool.ready();
    const kill = workers[1].terminate();
    say(product());
    await kill;
    await new Promise((resolve) => setTimeout(resolve, 50));
    say(backend.pool.threads, product());
    backend.setThreads(3);
    say(await backend.pool.ready(), product());`);
  expect(stdout).toBe('400\n1 400\n3 400\n');
  expect(stderr.match(/A thread of the simd backend ended \(exit code 1\); it goes on with one thread/g)).toHaveLength(
    1,
  );
});

test('a thread whose script throws, or is not there, leaves one thread', async () => {
  const scripts = ['data:text/javascript,throw new Error("broken")', 'file:///no/such/worker.js'];
  const runs = scripts.map((url) =>
    inProcess(`
      const backend = await register({ threads: 3, worker: new URL('${url}') });
      tf.setBackend('simd');
      say(await backend.pool.ready(), product());`),
  );
  const [thrown, missing] = await Promise.all(runs);
  expect(thrown!.stdout + missing!.stdout).toBe('1 400\n1 400\n');
  expect(thrown!.stderr).toContain('A thread of the simd backend ended (Error: broken)');
  expect(missing!.stderr).toContain('A thread of the simd backend ended (Error: Cannot find module');
});

const limited = process.platform === 'linux' ? test : test.skip;
limited(
  'where the system gives few addresses, the heap grows as far as they reach, and the error says so',
  async () => {
    // the young generation is there from the start: later there would be no addresses for it
    const limit = [
      'bash',
      '-c',
      'ulimit -v 4194304; exec "$0" --disable-wasm-trap-handler --min-semi-space-size=16 "$@"',
    ];
    const { stdout } = await inProcess(
      `
    const backend = await register({ threads: 1 });
    tf.setBackend('simd');
    let last;
    try {
      for (;;) last = backend.heap.allocate(2 ** 26);
    } catch (error) {
      say(error.message);
    }
    backend.heap.free(last, 2 ** 26);
    say(product());`,
      limit,
    );
    const [message, value] = stdout.split('\n') as [string, string];
    expect(message).toMatch(
      /^The heap of the simd backend is full: 67108864 bytes .* \(the system gives no more\); dispose/,
    );
    expect(value).toBe('400');
  },
);

const addon = new URL(`../../../native/${process.platform}-${process.arch}/kernels.node`, import.meta.url);
const natively = existsSync(addon) && process.platform !== 'win32' ? test : test.skip;
natively('a process that may not load addons computes in WebAssembly, and says why in one line', async () => {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission');
  const { stdout, stderr } = await inProcess(
    `
    const backend = await register({ threads: 2 });
    tf.setBackend('simd');
    say(backend.native.length, await backend.pool.ready(), product());`,
    ['env', '-u', 'BLIP2_NATIVE'],
    [permission ? '--permission' : '--experimental-permission', '--allow-fs-read=*', '--allow-worker'],
  );
  expect(stdout).toBe('0 2 400\n');
  const lines = stderr.split('\n').filter((line) => line.includes('simd backend'));
  expect(lines).toEqual([expect.stringMatching(/run in WebAssembly: .*addons.*; BLIP2_NATIVE=0 silences this\.$/)]);
});

test("TensorFlow.js' advice to install tfjs-node is not printed", async () => {
  const { stdout, stderr } = await inProcess(`
    await register();
    await tf.setBackend('simd');
    const x = tf.tensor(['text', 'tensor']);
    const z = tf.complex(tf.ones([2]), tf.ones([2]));
    const top = tf.topk(tf.range(0, 1000), 300);
    say(product(), x.dataSync()[0], z.shape, top.values.dataSync()[0], tf.atan2(tf.ones([2]), tf.ones([2])).shape);`);
  expect(stdout).toBe('400 text 2 999 2\n');
  expect(stderr).toBe('');
});

test('after registering, the first tensor is made on the simd backend, also where none was set', async () => {
  const { stdout, stderr } = await inProcess(`
    await register();
    say(product(), tf.getBackend());`);
  expect({ stdout, stderr }).toEqual({ stdout: '400 simd\n', stderr: '' });
});
