import { registerAttention } from '@blip2/attention';
import { register } from '@blip2/backend-simd';
import type { BenchRun, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';
import { ceilings } from './ceiling.js';
import type { Answer, Contender, Question } from './contender.js';

// The process of one contender: answers questions of the parent, one at a time.

const WARM_UP = 500; // milliseconds

tf.enableProdMode();
const suites: Suite[] = [];
let current: BenchRun | undefined;

async function open({ name, threads }: Contender): Promise<void> {
  if (name === 'simd') {
    const backend = await register({ threads });
    await registerAttention(backend);
    await tf.setBackend('simd');
    suites.push(await ceilings(backend));
  } else {
    if (name === 'wasm') await import('@tensorflow/tfjs-backend-wasm');
    if (!(await tf.setBackend(name))) throw new Error(`The backend '${name}' could not be started.`);
  }
  await tf.ready();
}

async function answer(question: Question): Promise<Answer> {
  if (question.ask === 'list') {
    for (const file of question.files) suites.push(((await import(file)) as { default: Suite }).default);
    return {
      cases: suites.flatMap(({ bench, cases }) =>
        cases.map(({ name, prepare: _, ...numbers }) => ({ bench, case: name, ...numbers })),
      ),
    };
  }
  if (question.ask === 'prepare') {
    const suite = suites.find(({ bench }) => bench === question.bench);
    const found = suite?.cases.find(({ name }) => name === question.case);
    if (!found) return { error: 'it has no such case' };
    const prepared = found.prepare();
    try {
      warmUp(prepared);
    } catch (error) {
      prepared.dispose();
      throw error;
    }
    current = prepared;
    return { ok: true };
  }
  if (question.ask === 'sample') {
    globalThis.gc?.();
    const start = performance.now();
    current?.run();
    return { ms: performance.now() - start };
  }
  current?.dispose();
  current = undefined;
  return { ok: true };
}

/** Compilers optimise and threads start while it goes on. */
function warmUp({ run }: BenchRun): void {
  const end = performance.now() + WARM_UP;
  do run();
  while (performance.now() < end);
}

const contender = JSON.parse(process.argv[2] as string) as Contender;
const opened = open(contender);
process.on('message', (question: Question) => {
  opened
    .then(() => answer(question))
    .catch((error: Error): Answer => ({ error: error.message.split('\n')[0] as string }))
    .then((said) => process.send?.(said));
});
