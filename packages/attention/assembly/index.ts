export { attentionGrad } from './backward';
export { attentionBiasGrad } from './bias';
export { attention } from './forward';
