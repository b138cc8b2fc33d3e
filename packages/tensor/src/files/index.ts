export { isFile, isFolder, readConfigJson, readGenerationJson, readJson } from './json.js';
export { openSpool, type Spool } from './spool.js';
