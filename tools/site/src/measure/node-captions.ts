import { createInterface } from 'node:readline';
import { fromPretrained } from '@blip2/models';
import { useBackend } from '@blip2/training';

// Captions the image whose path comes in a line, and answers with a line of JSON: milliseconds and token ids.

await useBackend();
const model = await fromPretrained();
console.log(JSON.stringify(model.backend));
for await (const path of createInterface({ input: process.stdin })) {
  const since = performance.now();
  const { tokens } = await model.caption(path);
  console.log(JSON.stringify({ ms: performance.now() - since, tokens }));
}
