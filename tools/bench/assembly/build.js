import { compile } from '../../../packages/backend-simd/assembly/compile.js';

await compile('../tools/bench');
