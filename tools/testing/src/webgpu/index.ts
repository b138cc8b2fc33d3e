export { type Adapter, errorsOf, openDawn, report } from './dawn.js';
export { runOnDawn } from './run.js';
