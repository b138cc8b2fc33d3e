export { checkMutations } from './check.js';
export { readsOrRefuses, unclear } from './clear.js';
export { mutatedJson } from './json.js';
