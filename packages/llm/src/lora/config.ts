import { fieldsOf, type Json, show } from '@blip2/tensor';

/** Low-rank adapters of linear layers: `y = W x + scale B A x` with A [rank,input] and B [output,rank] (LoRA, Hu et al. 2021). */
export interface LoraConfig {
  /** The rank r of the adapters. */
  readonly rank: number;
  /** The scale of the adapters is `alpha / rank`. */
  readonly alpha: number;
  /** Rate of dropout on the input of A in training. Default 0. */
  readonly dropout?: number;
  /**
   * Which linear layers have adapters, as PEFT's `target_modules`: names, of which a layer's path ends with one, a regular
   * expression of the whole path, or `all-linear`. Default: PEFT's for OPT (`q_proj`, `v_proj`) and T5 (`q`, `v`).
   */
  readonly targets?: string | readonly string[];
  /** Scale by `alpha / sqrt(rank)` instead (Kalajdzievski 2023). Default false. */
  readonly rankStabilized?: boolean;
}

/** Gives the factor of adapters, which may have another rank than the configuration says. */
export const loraScale = ({ alpha, rank, rankStabilized = false }: LoraConfig, actual: number = rank): number =>
  alpha / (rankStabilized ? Math.sqrt(actual) : actual);

/** PEFT's name for all linear layers but the head. */
export const ALL_LINEAR = 'all-linear';

/** PEFT's default targets: OPT's, and T5's. */
const DEFAULT_TARGETS = ['q_proj', 'v_proj', 'q', 'v'];

/**
 * Chooses the layers that have adapters.
 * @param paths of all linear layers
 * @throws where the targets match none of them, or are no regular expression
 */
export function loraTargets(paths: readonly string[], { targets = DEFAULT_TARGETS }: LoraConfig): string[] {
  const chosen = paths.filter(matcher(targets));
  if (chosen.length > 0) return chosen;
  const names = [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))].join(', ');
  throw new Error(`The LoRA targets ${show(targets)} match no linear layer; their names end with ${names}.`);
}

function matcher(targets: string | readonly string[]): (path: string) => boolean {
  if (targets === ALL_LINEAR) return () => true;
  if (typeof targets !== 'string') return (path) => targets.some((name) => path === name || path.endsWith(`.${name}`));
  try {
    const whole = new RegExp(`^(?:${targets})$`);
    return (path) => whole.test(path);
  } catch (cause) {
    throw new Error(`The LoRA targets ${show(targets)} are no regular expression; give one, or a list of names.`, {
      cause,
    });
  }
}

/** Fields of PEFT's `adapter_config.json` by which adapters compute differently, with the value that they must have. */
const PLAIN: Readonly<Record<string, unknown>> = {
  bias: 'none',
  fan_in_fan_out: false,
  lora_bias: false,
  use_dora: false,
  use_qalora: false,
  use_bdlora: null,
  layer_replication: null,
  modules_to_save: null,
  trainable_token_indices: null,
  target_parameters: null,
  alora_invocation_tokens: null,
  arrow_config: null,
  kasa_config: null,
  velora_config: null,
  monteclora_config: null,
  megatron_config: null,
};

/**
 * Reads the `adapter_config.json` of PEFT.
 * @param origin names the file in errors
 * @throws for another kind of adapter than LoRA, and for variants that compute differently, naming the field
 */
export function readLoraConfig(json: Json, origin: string): LoraConfig {
  const fail = (field: string, wanted: string): Error =>
    new Error(
      `${origin} has ${field} ${show(json[field])}, and only ${wanted} can be loaded; merge it with PEFT first.`,
    );
  if (json.peft_type !== 'LORA') throw fail('peft_type', '"LORA"');
  for (const [field, only] of Object.entries(PLAIN)) {
    const value = json[field] ?? only;
    if (value !== only && !(only === null && value === false)) throw fail(field, show(only));
  }
  if (Object.keys(fieldsOf(json, 'LoRA').object('alpha_pattern')).length > 0) throw fail('alpha_pattern', '{}');
  const { count, positive, fraction, flag } = fieldsOf(json, 'LoRA');
  const targets = json.target_modules;
  const names =
    Array.isArray(targets) && targets.every((name) => typeof name === 'string') ? (targets as string[]) : [];
  return {
    rank: count('r', 8, { least: 1 }),
    alpha: positive('lora_alpha', 8),
    dropout: fraction('lora_dropout', 0),
    targets: typeof targets === 'string' ? targets : names,
    rankStabilized: flag('use_rslora', false),
  };
}

/** Options of `loraConfigJson`. */
export interface LoraJsonOptions {
  /** The model that the adapters are of, for PEFT: a name on the hub or a folder. */
  readonly base?: string | undefined;
  /** What stands before the layers' paths in the whole model, such as `language_model.`. Default ''. */
  readonly prefix?: string;
}

/** Makes the `adapter_config.json` by which PEFT loads adapters. */
export function loraConfigJson(config: LoraConfig, { base, prefix = '' }: LoraJsonOptions = {}): Json {
  const { rank, alpha, dropout = 0, targets = DEFAULT_TARGETS, rankStabilized = false } = config;
  const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const whole = typeof targets === 'string' ? `(?:${targets})` : `(?:.*\\.)?(?:${targets.map(escaped).join('|')})`;
  return {
    peft_type: 'LORA',
    task_type: null,
    base_model_name_or_path: base ?? null,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    target_modules: prefix === '' ? targets : escaped(prefix) + whole,
    bias: 'none',
    fan_in_fan_out: false,
    use_rslora: rankStabilized,
    use_dora: false,
    modules_to_save: null,
    inference_mode: true,
  };
}
