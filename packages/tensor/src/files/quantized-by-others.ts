import { isJson, type Json, showWord } from '@blip2/tensor';

/** How this project names its own packed weights in a `config.json`, as the key `quant_method` of `quantization_config`. */
export const QUANT_METHOD = 'blip2';

/** The names of other programs' quantizations, by the `quant_method` that they write. */
const others: Readonly<Record<string, string>> = {
  bitsandbytes: 'bitsandbytes',
  gptq: 'GPTQ',
  awq: 'AWQ',
  aqlm: 'AQLM',
  'auto-round': 'AutoRound',
  'compressed-tensors': 'compressed-tensors',
  eetq: 'EETQ',
  fbgemm_fp8: 'FBGEMM (FP8)',
  fp8: 'FP8',
  hqq: 'HQQ',
  mxfp4: 'MXFP4',
  quanto: 'Quanto',
  quark: 'Quark',
  torchao: 'torchao',
  vptq: 'VPTQ',
};

/** What such programs add to a tensor's name, where a folder has no config of theirs. */
const traces: readonly (readonly [name: string, suffix: RegExp])[] = [
  ['bitsandbytes', /\.(?:SCB|absmax|quant_map|quant_state\.bitsandbytes__\w+)$/],
  ['GPTQ', /\.g_idx$/],
  ['GPTQ or AWQ', /\.(?:qweight|qzeros)$/],
];

/**
 * Checks that the weights of a folder were not quantized by another program, whose formats are not read here.
 * @param json a `config.json`, of which its parts are checked too
 * @param file its path, for the error
 * @throws for the `quantization_config` of bitsandbytes, GPTQ, AWQ and others, naming it and what to do
 */
export function expectNotQuantizedByOthers(json: Json, file: string): void {
  for (const part of [json, json.text_config, json.vision_config, json.qformer_config]) {
    const config = isJson(part) ? part.quantization_config : undefined;
    if (config === undefined || config === null) continue;
    const method = methodOf(config);
    if (method !== QUANT_METHOD) throw refusal(file, nameOf(method), isJson(config) ? bitsOf(config) : 8);
  }
}

/**
 * Checks that no tensor is named as those that other programs quantize.
 * @param origin the file or folder, for the error
 * @throws naming the program and what to do
 */
export function expectNoTracesOfOthers(names: Iterable<string>, origin: string): void {
  const all = [...names];
  const found = traces.find(([, suffix]) => all.some((name) => suffix.test(name)));
  if (found) throw refusal(origin, found[0], all.some((name) => name.endsWith('.SCB')) ? 8 : 4);
}

/** Early files of bitsandbytes say no method. */
function methodOf(config: unknown): unknown {
  if (!isJson(config)) return config;
  const { quant_method: method, load_in_8bit: eight, load_in_4bit: four } = config;
  return method ?? (eight || four ? 'bitsandbytes' : undefined);
}

const nameOf = (method: unknown): string =>
  typeof method === 'string' && Object.hasOwn(others, method)
    ? others[method]!
    : `the quantization method ${showWord(method)}`;

const bitsOf = ({ bits, w_bit, load_in_8bit: eight }: Json): number =>
  eight === true || bits === 8 || w_bit === 8 ? 8 : 4;

const refusal = (where: string, by: string, bits: number): Error =>
  new Error(
    `${where}: these weights were quantized with ${by}, which is not read here; take the model in float32 or half precision, and quantize that with 'blip2 convert MODEL OUT --quantize int${bits}'.`,
  );
