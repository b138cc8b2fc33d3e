import { compile } from './compile.js';

await compile('backend-simd');
