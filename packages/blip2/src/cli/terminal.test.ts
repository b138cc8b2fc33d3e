import { expect, test } from '@jest/globals';
import { Terminal } from './terminal.js';

function recorded(isTTY: boolean) {
  let text = '';
  let time = 0;
  const sink = { write: (more: string) => (text += more), isTTY, columns: 60 };
  const terminal = new Terminal(sink, () => time);
  return { terminal, wait: (seconds: number) => (time += 1000 * seconds), text: () => text };
}

test('on a terminal there is one line that is redrawn, and text is printed above it', () => {
  const { terminal, wait, text } = recorded(true);
  terminal.progress('stage 1', { done: 1, total: 4, detail: 'itc 2.000' });
  terminal.progress('stage 1', { done: 2, total: 4 }); // too early to be shown
  wait(3);
  terminal.line('a checkpoint');
  terminal.progress('stage 1', { done: 3, total: 4 });
  const clear = '\r\x1b[2K';
  const first = 'stage 1 ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 1/4, itc 2.000';
  const second = 'stage 1 ━━━━━━━━━━━━━━━╌╌╌╌╌ 3/4, 0:02 left';
  expect(text()).toBe(`${first}${clear}a checkpoint\n${first}${clear}${second}`);
  terminal.progress('stage 1', { done: 4, total: 4 });
  expect(text().endsWith(`${clear}stage 1: 4 in 0:03\n`)).toBe(true);
});

test('elsewhere there is a plain line every ten seconds', () => {
  const { terminal, wait, text } = recorded(false);
  for (let done = 0; done <= 100; done++) {
    terminal.progress('stage 1', { done, total: 100, detail: `itc ${done}` });
    wait(1);
  }
  expect(text().split('\n').slice(0, 2)).toEqual([
    'stage 1: 10/100, itc 10, 1:30 left',
    'stage 1: 20/100, itc 20, 1:20 left',
  ]);
  expect(text().trim().split('\n')).toHaveLength(10);
  expect(text().trim().split('\n').at(-1)).toBe('stage 1: 100 in 1:40, itc 100');
});

test('a task that ends at once prints nothing', () => {
  const { terminal, text } = recorded(false);
  terminal.progress('loading', { done: 1, total: 2 });
  terminal.progress('loading', { done: 2, total: 2 });
  terminal.end();
  expect(text()).toBe('');
});

test('amounts have their unit, and what was done before does not count for the rate', () => {
  const { terminal, wait, text } = recorded(true);
  terminal.progress('downloading', { done: 90, total: 100, unit: 'MB', detail: 'a' });
  wait(3);
  terminal.progress('downloading', { done: 95, total: 100, unit: 'MB', detail: 'a' });
  expect(text()).toMatch(/ 95\/100 MB, a, 0:03 left$/);
  terminal.progress('downloading', { done: 100, total: 100, unit: 'MB' });
  expect(text()).toMatch(/downloading: 100 MB in 0:03\n$/);
});

test('lines below the bar are redrawn with it, and cut to the width', () => {
  const { terminal, wait, text } = recorded(true);
  terminal.progress('training', { done: 1, total: 4, detail: 'itc 2', lines: ['itc 2.000', 'x'.repeat(99)] });
  const bar = (full: number, tail: string) => `training ${'━'.repeat(full)}${'╌'.repeat(20 - full)} ${tail}`;
  const first = `${bar(5, '1/4')}\nitc 2.000\n${'x'.repeat(59)}`;
  expect(text()).toBe(first);
  wait(3);
  terminal.progress('training', { done: 2, total: 4, detail: 'itc 1', lines: ['itc 1.000', 'y'] });
  const up = '\r\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K';
  expect(text()).toBe(`${first}${up}${bar(10, '2/4, 0:06 left')}\nitc 1.000\ny`);
  terminal.progress('training', { done: 4, total: 4, detail: 'itc 0.5' });
  expect(text().endsWith(`${up}training: 4 in 0:03, itc 0.5\n`)).toBe(true);
});

test('elsewhere there are no lines below', () => {
  const { terminal, wait, text } = recorded(false);
  terminal.progress('training', { done: 1, total: 4, detail: 'itc 2', lines: ['itc 2.000'] });
  wait(11);
  terminal.progress('training', { done: 2, total: 4, detail: 'itc 1', lines: ['itc 1.000'] });
  expect(text()).toBe('training: 2/4, itc 1, 0:22 left\n');
});
