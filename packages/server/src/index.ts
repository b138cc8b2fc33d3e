export type { EngineInfo } from './engine/task.js';
export { defaultLimits, type Limits } from './limits.js';
export type { RequestRecord } from './metrics.js';
export { type RunningServer, type ServerOptions, startServer } from './server.js';
