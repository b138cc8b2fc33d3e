import { type Endpoint, serve } from './serve.js';

export { serve };

// Outside of a worker, as where a tool imports all that a package has, there is nobody to serve.
if ('DedicatedWorkerGlobalScope' in globalThis) serve(globalThis as unknown as Endpoint);
