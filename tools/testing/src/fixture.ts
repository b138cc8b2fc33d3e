import { fileURLToPath } from 'node:url';

/** The absolute path of a folder or file under `tools/testing/fixtures`. */
export const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
