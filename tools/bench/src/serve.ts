import { createInterface } from 'node:readline';
import type { Work } from '@blip2/testing';
import { type Answer, type HeapUse, lineOf, messageOf, type Question } from './protocol.js';

/** A case that is ready to be timed. */
export interface Prepared {
  /** Does the work once; what it made is freed. */
  run(): void | Promise<void>;
  /** Runs once and says what of the heap it took, where that can be known. */
  heapUse?(): HeapUse | Promise<HeapUse>;
  dispose(): void | Promise<void>;
}

/** What a contender's process computes with. */
export interface Engine {
  /** Of what is compared, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** @throws in one sentence when it cannot do this case */
  prepare(asked: { readonly bench: string; readonly case: string; readonly work?: Work }): Prepared | Promise<Prepared>;
}

// Milliseconds.
const WARM_UP = 300;
const SWEEP = 15; // V8 goes on sweeping in threads of its own, on the cores that are to be measured

/** Answers the parent's questions in the order in which they come, until the input ends. */
export function serve(open: () => Promise<Engine>): void {
  const opened = open();
  opened.catch(() => {}); // told when it is first asked
  let current: Prepared | undefined;
  let heap: HeapUse | undefined;

  async function answer(question: Question): Promise<Answer> {
    const engine = await opened;
    switch (question.ask) {
      case 'versions':
        return { versions: engine.versions };
      case 'prepare':
        current = await engine.prepare(question);
        heap = undefined;
        return { ok: true };
      case 'warm':
        heap = current && (await warmUp(current));
        return { ok: true };
      case 'sample': {
        globalThis.gc?.();
        await new Promise((resolve) => setTimeout(resolve, SWEEP));
        const [start, before] = [performance.now(), process.cpuUsage()];
        await current?.run();
        const { user, system } = process.cpuUsage(before);
        return { ms: performance.now() - start, cpu_ms: (user + system) / 1e3 };
      }
      case 'memory':
        return { heap: heap ?? null };
      case 'done':
        await current?.dispose();
        current = undefined;
        return { ok: true };
    }
  }

  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const question = messageOf<Question>(line);
    if (!question) return;
    answer(question)
      .catch((error: Error): Answer => ({ error: (error?.message ?? String(error)).split('\n')[0] as string }))
      .then((said) => process.stdout.write(lineOf(said)));
  });
  lines.on('close', () => process.exit(0));
}

/** Compilers optimize and threads start while it goes on. @returns what the first run took of the heap */
async function warmUp({ run, heapUse }: Prepared): Promise<HeapUse | undefined> {
  const end = performance.now() + WARM_UP;
  const heap = await (heapUse ? heapUse() : run());
  while (performance.now() < end) await run();
  return heap ?? undefined;
}
