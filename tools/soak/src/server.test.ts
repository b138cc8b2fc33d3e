import { expect, test } from '@jest/globals';
import { soakServer } from './server.js';

test('a server under load answers all but those that it has no place for, and hostile requests by their status', async () => {
  const { batched, sequential, hostile, problems } = await soakServer({
    ...{ clients: 16, seconds: 5, requests: 60, connections: 100, slowBodies: 0, largeBodies: 1 },
  });
  expect(problems.filter((problem) => !/memory/i.test(problem))).toEqual([]);
  for (const { statuses } of [batched, sequential]) expect(statuses['200']).toBeGreaterThan(0);
  expect(hostile.statuses).toMatchObject({ 200: 80, 400: 100 });
}, 240_000);
