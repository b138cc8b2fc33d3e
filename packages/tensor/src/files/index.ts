export { readConfigJson, readGenerationJson, readJson } from './json.js';
export { isFile, isFolder, toPath } from './paths.js';
export { openSpool, type Spool } from './spool.js';
