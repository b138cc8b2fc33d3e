export { type Adapter, errorsOf, openDawn, report } from './dawn.js';
export { dawnEnvironment, runOnDawn } from './run.js';
