import { compile } from '../../backend-simd/assembly/compile.js';

await compile('attention', 'src/fused/digest.ts');
