import { type Call, elementwise, type Kernel, runElementwise } from '../program.js';

/** A form of GELU, or SiLU. */
type Form = 'erf' | 'tanh' | 'quick' | 'silu';

/**
 * Each form and its derivative in WGSL. Arguments of `exp` are at most 88, so that nothing overflows: shaders need not follow the
 * rules of infinities.
 */
const FORMS: { readonly [F in Form]: string } = {
  // erf by Abramowitz and Stegun 7.1.26, within 1.5e-7
  erf: `
    fn cdf(x : f32) -> f32 {
      let z = abs(x) * 0.7071067811865476;
      let t = 1.0 / (1.0 + 0.3275911 * z);
      let tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
        * exp(max(-z * z, -88.0));
      return 0.5 * select(2.0 - tail, tail, x < 0.0);
    }
    fn act(x : f32) -> f32 { return x * cdf(x); }
    fn derivative(x : f32) -> f32 { return cdf(x) + x * 0.3989422804014327 * exp(max(-0.5 * x * x, -88.0)); }`,
  tanh: `
    fn argument(x : f32) -> f32 { return 0.7978845608028654 * (x + 0.044715 * x * x * x); }
    fn tangent(u : f32) -> f32 {
      let e = exp(max(-2.0 * abs(u), -88.0));
      return sign(u) * (1.0 - e) / (1.0 + e);
    }
    fn act(x : f32) -> f32 { return 0.5 * x * (1.0 + tangent(argument(x))); }
    fn derivative(x : f32) -> f32 {
      let t = tangent(argument(x));
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.7978845608028654 * (1.0 + 0.134145 * x * x);
    }`,
  quick: sigmoidForm('1.702'),
  silu: sigmoidForm('1.0'),
};

function sigmoidForm(rate: string): string {
  return `
    fn share(x : f32) -> f32 { return 1.0 / (1.0 + exp(min(-${rate} * x, 88.0))); }
    fn act(x : f32) -> f32 { return x * share(x); }
    fn derivative(x : f32) -> f32 { let s = share(x); return s + ${rate} * x * s * (1.0 - s); }`;
}

/** A kernel that computes `value` of the elements of its inputs, with the functions of the form. */
const kernelOf =
  (name: string, names: readonly string[], value: string): Kernel =>
  ({ backend, inputs, attrs }) => {
    const { approximate: form } = attrs as { approximate: Form };
    return runElementwise(
      backend,
      { name: `${name} ${form}`, inputs: names, code: FORMS[form] + elementwise(value) },
      { inputs: names.map((n) => inputs[n] as Call['inputs'][string]) },
    );
  };

const gatedGradX = kernelOf('GatedGrad x', ['dy', 'gate'], 'dy[i] * act(gate[i])');
const gatedGradGate = kernelOf('GatedGrad gate', ['dy', 'x', 'gate'], 'dy[i] * x[i] * derivative(gate[i])');

/** Activations and products with them, as in `ops/gelu.ts` and `ops/gated.ts` of @blip2/tensor. */
export const geluKernels: Readonly<Record<string, Kernel>> = {
  Gelu: kernelOf('Gelu', ['x'], 'act(x[i])'),
  GeluGrad: kernelOf('GeluGrad', ['dy', 'x'], 'dy[i] * derivative(x[i])'),
  Gated: kernelOf('Gated', ['x', 'gate'], 'x[i] * act(gate[i])'),
  GatedGrad: (call) => [gatedGradX(call), gatedGradGate(call)].flat(),
};
