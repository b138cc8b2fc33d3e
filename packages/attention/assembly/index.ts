export * from '../../backend-simd/assembly/constants';
export { attentionGrad } from './backward';
export { attentionBiasGrad } from './bias';
export { attention } from './forward';
export { rotary } from './rotary';
