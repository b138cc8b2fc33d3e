import type * as tf from '@tensorflow/tfjs';
import { elementwise, type Kernel, runElementwise } from '../program.js';

type Named = Readonly<Record<'param' | 'grad' | 'm' | 'v', tf.TensorInfo>>;
type Numbers = Readonly<Record<'lr' | 'beta1' | 'beta2' | 'epsilon' | 'weightDecay' | 'step' | 'gradScale', number>>;

/** AdamW's update of a parameter and its moments in place, `adamw-update.ts` of @blip2/trainer; it has no outputs. */
const adamwUpdate: Kernel = ({ backend, inputs, attrs }) => {
  const { param, grad, m, v } = inputs as Named;
  const { factor } = inputs;
  const { lr, beta1, beta2, epsilon, weightDecay, step, gradScale } = attrs as unknown as Numbers;
  const given = [grad, ...(factor ? [factor] : [])];
  const names = ['grad', ...(factor ? ['factor'] : [])];
  const scaled = `uniforms.gradScale * grad[i]${factor ? ' * factor[0]' : ''}`;
  const moment = (name: string, into: tf.TensorInfo, beta: number, value: string): void => {
    runElementwise(
      backend,
      {
        name: `AdamWUpdate ${name} ${names}`,
        inputs: names,
        floats: ['gradScale', 'beta', 'rest'],
        code: `fn value(g : f32) -> f32 { return ${value}; }
        ${elementwise(`uniforms.beta * result[i] + uniforms.rest * value(${scaled})`)}`,
      },
      { inputs: given, numbers: { gradScale, beta, rest: 1 - beta }, into },
    );
  };
  moment('m', m, beta1, 'g');
  moment('v', v, beta2, 'g * g');
  runElementwise(
    backend,
    {
      name: 'AdamWUpdate',
      inputs: ['m', 'v'],
      floats: ['rate', 'correction', 'epsilon', 'kept'],
      code: elementwise(
        'uniforms.kept * result[i] - uniforms.rate * m[i] / (sqrt(v[i]) * uniforms.correction + uniforms.epsilon)',
      ),
    },
    {
      inputs: [m, v],
      numbers: {
        rate: lr / (1 - beta1 ** step),
        correction: 1 / Math.sqrt(1 - beta2 ** step),
        epsilon,
        kept: 1 - lr * weightDecay,
      },
      into: param,
    },
  );
  return [];
};

export const adamwKernels: Readonly<Record<string, Kernel>> = { AdamWUpdate: adamwUpdate };
