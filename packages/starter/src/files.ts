/**
 * The addresses of the files of all models, by their paths below the folder of models, such as `blip2/stage2/config.json`: as they are
 * for Node and for a page without a bundler, and as a bundler has placed them where there was one. Each is written out, so that
 * bundlers find it.
 */
export const starterFiles: ReadonlyMap<string, URL> = new Map([
  ['bert/config.json', new URL('../models/bert/config.json', import.meta.url)],
  ['bert/model.safetensors', new URL('../models/bert/model.safetensors', import.meta.url)],
  ['bert/tokenizer.json', new URL('../models/bert/tokenizer.json', import.meta.url)],
  ['bert/tokenizer_config.json', new URL('../models/bert/tokenizer_config.json', import.meta.url)],
  ['blip2/stage1/config.json', new URL('../models/blip2/stage1/config.json', import.meta.url)],
  ['blip2/stage1/model.safetensors', new URL('../models/blip2/stage1/model.safetensors', import.meta.url)],
  ['blip2/stage1/processor_config.json', new URL('../models/blip2/stage1/processor_config.json', import.meta.url)],
  ['blip2/stage1/tokenizer.json', new URL('../models/blip2/stage1/tokenizer.json', import.meta.url)],
  ['blip2/stage1/tokenizer_config.json', new URL('../models/blip2/stage1/tokenizer_config.json', import.meta.url)],
  ['blip2/stage2/config.json', new URL('../models/blip2/stage2/config.json', import.meta.url)],
  ['blip2/stage2/model.safetensors', new URL('../models/blip2/stage2/model.safetensors', import.meta.url)],
  ['blip2/stage2/processor_config.json', new URL('../models/blip2/stage2/processor_config.json', import.meta.url)],
  ['blip2/stage2/tokenizer.json', new URL('../models/blip2/stage2/tokenizer.json', import.meta.url)],
  ['blip2/stage2/tokenizer_config.json', new URL('../models/blip2/stage2/tokenizer_config.json', import.meta.url)],
  ['language/config.json', new URL('../models/language/config.json', import.meta.url)],
  ['language/model.safetensors', new URL('../models/language/model.safetensors', import.meta.url)],
  ['language/tokenizer.json', new URL('../models/language/tokenizer.json', import.meta.url)],
  ['language/tokenizer_config.json', new URL('../models/language/tokenizer_config.json', import.meta.url)],
  ['vision/config.json', new URL('../models/vision/config.json', import.meta.url)],
  ['vision/model.safetensors', new URL('../models/vision/model.safetensors', import.meta.url)],
  ['vision/preprocessor_config.json', new URL('../models/vision/preprocessor_config.json', import.meta.url)],
]);
