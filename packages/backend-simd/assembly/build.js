import { compile } from './compile.js';

await compile('backend-simd', 'src/kernels/digest.ts');
