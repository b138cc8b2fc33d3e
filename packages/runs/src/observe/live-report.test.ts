import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import type { RunConfig } from '../config/schema.js';
import { METRICS } from '../metrics.js';
import { liveReport, REPORT } from './live-report.js';
import { joinObservers, type ObservedStep } from './observer.js';

const config = { stage1: { steps: 3 }, stage2: { steps: 30 } } as RunConfig;
const step = (stage: 1 | 2, number: number): ObservedStep => ({
  ...{ stage, step: number, losses: { total: 2 / number }, lr: 0.001, gradNorm: 2, seconds: 2, images: 32 },
});

test('the report is written again at most every so often, and at the end', async () => {
  await inFolder(async (out) => {
    const logged = [step(1, 1), step(1, 2), step(1, 3)]; // before the run was resumed
    await writeFile(join(out, METRICS), logged.map((one) => `${JSON.stringify(one)}\n`).join(''));
    let time = 0;
    const observers = joinObservers([liveReport({ preset: 'mine', every: 20, now: () => time })], { out, config });
    const text = async (): Promise<string> => (await readFile(join(out, REPORT), 'utf8')).replace(/<[^>]*>|\s+/g, ' ');
    await observers.step(step(2, 1));
    expect(await text()).toMatch(/step 1 of 30 of stage 2, about 58 s left of it, after 8 s/);
    expect(await text()).toContain('Losses of stage 1');
    time += 19;
    await observers.step(step(2, 2));
    await observers.scores(step(2, 2), { 'recall@1': 0.12345, loss: 2 });
    expect(await text()).toContain('step 1 of 30');
    time += 1;
    await observers.step(step(2, 3));
    expect(await text()).toContain('step 3 of 30');
    expect(await text()).toContain('On held-out data after step 2 of stage 2: recall@1 0.123, loss 2.');
    await observers.step(step(2, 4));
    await observers.close();
    expect(await text()).toMatch(/stopped at step 4 of 30 of stage 2 after 14 s/);
    expect(await readFile(join(out, REPORT), 'utf8')).not.toContain('refresh');
  });
});

test('a run without a step leaves no report', async () => {
  await inFolder(async (out) => {
    await joinObservers([liveReport({ preset: 'mine' })], { out, config }).close();
    await expect(readFile(join(out, REPORT))).rejects.toThrow('ENOENT');
  });
});
