import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { GenerateTask, Outcome, Task } from './engine/task.js';
import { TaskQueue } from './queue.js';

const signal = new AbortController().signal;
const caption = (id: number, beams = 1): GenerateTask => ({
  kind: 'generate',
  image: Uint8Array.of(id),
  history: [],
  decoding: { beams },
  stream: false,
});
const idOf = (task: Task): number => (task as GenerateTask).image[0]!;

/** A queue whose batches end when the test says so. */
function controlled(limit = 10, batch = 3) {
  const batches: {
    ids: number[];
    signal: AbortSignal;
    end: (outcomes?: Outcome[]) => void;
    fail: (error: Error) => void;
  }[] = [];
  const queue = new TaskQueue({
    limit,
    batch,
    run: (tasks, options) =>
      new Promise((resolve, reject) => {
        const results = tasks.map((task): Outcome => ({ result: { texts: [], promptTokens: idOf(task) } }));
        const end = (outcomes = results): void => resolve(outcomes);
        batches.push({ ids: tasks.map(idOf), signal: options.signal, end, fail: reject });
        options.signal.addEventListener('abort', () => reject(options.signal.reason));
      }),
  });
  const add = (task: Task, options = {}) =>
    queue.add(task, { signal, ...options }) as Promise<{ promptTokens: number }>;
  return { queue, batches, add };
}

test('tasks alike are computed together, in the order of their coming, and others after them', async () => {
  const { queue, batches, add } = controlled();
  const sizes: number[] = [];
  const tasks = [caption(0), caption(1), caption(2, 5), caption(3), caption(4), caption(5)];
  const added = tasks.map((task) => add(task, { onStart: (size: number) => sizes.push(size) }));
  for (let i = 0; i < 4; i++) {
    expect(batches).toHaveLength(i + 1);
    batches[i]!.end();
    await sleep(0);
  }
  expect(batches.map(({ ids }) => ids)).toEqual([[0], [1, 3, 4], [2], [5]]);
  expect((await Promise.all(added)).map(({ promptTokens }) => promptTokens)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(sizes).toEqual([1, 3, 3, 3, 1, 1]);
  expect([queue.waiting, queue.running]).toEqual([0, 0]);
});

test('more than may wait are refused with the time after which to come again', async () => {
  const { queue, batches, add } = controlled(2);
  const added = [0, 1, 2].map((id) => add(caption(id)));
  await expect(add(caption(3))).rejects.toMatchObject({ status: 429, options: { retryAfter: 1 } });
  expect(queue.waiting).toBe(2);
  batches[0]!.end();
  await added[0];
  await sleep(0);
  batches[1]!.end();
  await Promise.all(added);
});

test('a task that is given up leaves the queue; a batch is stopped when all of its tasks were', async () => {
  const { queue, batches, add } = controlled();
  const controllers = Array.from({ length: 4 }, () => new AbortController());
  const added = controllers.map((controller, id) => add(caption(id), { signal: controller.signal }));
  const gone = new Error('gone');
  controllers[3]!.abort(gone);
  await expect(added[3]).rejects.toBe(gone);
  expect(queue.waiting).toBe(2);
  batches[0]!.end();
  await added[0];
  await sleep(0);
  expect(batches[1]!.ids).toEqual([1, 2]);
  controllers[1]!.abort(gone);
  await expect(added[1]).rejects.toBe(gone);
  expect(batches[1]!.signal.aborted).toBe(false);
  controllers[2]!.abort(gone);
  await expect(added[2]).rejects.toBe(gone);
  expect(batches[1]!.signal.aborted).toBe(true);
  await sleep(0);
  expect([queue.waiting, queue.running]).toEqual([0, 0]);
  await expect(add(caption(9), { signal: controllers[3]!.signal })).rejects.toBe(gone);
});

test('what is refused, and what fails, reaches those that it is about', async () => {
  const { batches, add } = controlled();
  const first = add(caption(0));
  const others = [add(caption(1)), add(caption(2))];
  batches[0]!.end([{ refused: 'no image' }]);
  await expect(first).rejects.toMatchObject({ status: 400, message: 'no image' });
  await sleep(0);
  batches[1]!.fail(new Error('broken'));
  for (const one of others) await expect(one).rejects.toThrow('broken');
});
