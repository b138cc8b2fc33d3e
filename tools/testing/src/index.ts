import './quiet.js';

export { expectClose, largestDifference } from './close.js';
export { fixture } from './fixture.js';
export { inFolder, json } from './folder.js';
export { checkGradients } from './gradients.js';
export { expectNoLeak } from './leaks.js';
export { processes } from './processes.js';
export type { BenchCase, BenchRun, Suite, Work } from './suite.js';
