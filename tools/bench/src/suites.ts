import { readdir } from 'node:fs/promises';
import type { Suite } from '@blip2/testing';

const packages = new URL('../../../packages/', import.meta.url);

/** Every `packages/NAME/bench/*.bench.ts`, in the order of the names. */
async function benchFiles(): Promise<string[]> {
  const names = (await readdir(packages)).sort();
  const files = await Promise.all(
    names.map(async (name) => {
      const folder = new URL(`${name}/bench/`, packages);
      const found = await readdir(folder).catch(() => []);
      return found.filter((file) => file.endsWith('.bench.ts')).map((file) => new URL(file, folder).href);
    }),
  );
  return files.flat();
}

/** What the packages measure. */
export async function suites(): Promise<Suite[]> {
  const found: Suite[] = [];
  for (const file of await benchFiles()) found.push(((await import(file)) as { default: Suite }).default);
  return found;
}
