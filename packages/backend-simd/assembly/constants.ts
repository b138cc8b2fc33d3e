// Constants of the kernels, as vectors that every module exports: what is exported could be changed, so no compiler folds it
// into its uses. V8 builds a folded vector from integer registers in every turn of a loop, which doubles the time of e^x;
// these it loads.

export let HALF: v128 = f32x4.splat(0.5);
export let ONE: v128 = f32x4.splat(1);

/** e^x: rounding by the addition of 1.5·2^23, ln 2 in two parts, the exponent's bias, and the polynomial. */
export let EXP_LEAST: v128 = f32x4.splat(-86.6);
export let EXP_MOST: v128 = f32x4.splat(89);
export let LOG2_E: v128 = f32x4.splat(1.44269504088896);
export let ROUND: v128 = f32x4.splat(12582912);
export let LN2_HIGH: v128 = f32x4.splat(-0.693359375);
export let LN2_LOW: v128 = f32x4.splat(2.12194440e-4);
export let EXPONENT: v128 = i32x4.splat(127 << 23);
export let EXP_5: v128 = f32x4.splat(0.008374722674489021);
export let EXP_4: v128 = f32x4.splat(0.041898854076862335);
export let EXP_3: v128 = f32x4.splat(0.16666457056999207);
export let EXP_2: v128 = f32x4.splat(0.49999141693115234);

/** 2^f for f in [-1/2, 1/2], a minimax fit by relative error, 9e-8. */
export let EXP2_5: v128 = f32x4.splat(0.0013264727550456563);
export let EXP2_4: v128 = f32x4.splat(0.009671512872765617);
export let EXP2_3: v128 = f32x4.splat(0.055507337445829315);
export let EXP2_2: v128 = f32x4.splat(0.24022242081817968);
export let EXP2_1: v128 = f32x4.splat(0.6931469775971001);

/** tanh x = x·P(x²)/Q(x²) in [-9, 9]. */
export let TANH_MOST: v128 = f32x4.splat(9);
export let TANH_LEAST: v128 = f32x4.splat(-9);
export let TANH_P11: v128 = f32x4.splat(1.8255555053747763e-11);
export let TANH_P9: v128 = f32x4.splat(-1.278056860343213e-8);
export let TANH_P7: v128 = f32x4.splat(9.267465429729782e-6);
export let TANH_P5: v128 = f32x4.splat(0.0029207668267190456);
export let TANH_P3: v128 = f32x4.splat(0.1291923224925995);
export let TANH_P1: v128 = f32x4.splat(0.9999999403953552);
export let TANH_Q6: v128 = f32x4.splat(0.00022810087830293924);
export let TANH_Q4: v128 = f32x4.splat(0.02376318909227848);
export let TANH_Q2: v128 = f32x4.splat(0.4625251591205597);

/** erf x = x·P(x²)/Q(x²) in [-3.93, 3.93]. */
export let ERF_MOST: v128 = f32x4.splat(3.93);
export let ERF_LEAST: v128 = f32x4.splat(-3.93);
export let ERF_P11: v128 = f32x4.splat(2.0363249865656207e-6);
export let ERF_P9: v128 = f32x4.splat(0.00028476177249103785);
export let ERF_P7: v128 = f32x4.splat(0.0037895021960139275);
export let ERF_P5: v128 = f32x4.splat(0.052819740027189255);
export let ERF_P3: v128 = f32x4.splat(0.1910499781370163);
export let ERF_P1: v128 = f32x4.splat(1.1283791065216064);
export let ERF_Q10: v128 = f32x4.splat(3.794332587858662e-5);
export let ERF_Q8: v128 = f32x4.splat(0.0011671147076413035);
export let ERF_Q6: v128 = f32x4.splat(0.015017404220998287);
export let ERF_Q4: v128 = f32x4.splat(0.11436232179403305);
export let ERF_Q2: v128 = f32x4.splat(0.5026463270187378);

/** GELU: sqrt(1/2), the density of the normal distribution at 0, and the numbers of the tanh and the quick forms. */
export let SQRT_HALF: v128 = f32x4.splat(0.7071067811865476);
export let MINUS_HALF: v128 = f32x4.splat(-0.5);
export let DENSITY: v128 = f32x4.splat(0.3989422804014327);
export let TANH_CUBIC: v128 = f32x4.splat(0.044715);
export let TANH_SCALE: v128 = f32x4.splat(1.5957691216057308);
export let TANH_SLOPE: v128 = f32x4.splat(0.2140644488);
export let QUICK: v128 = f32x4.splat(1.702);
