export { attentionGrad } from './backward';
export { attention } from './forward';
