/**
 * A module for `--language` of blip2's command line: a language model of your own, of the shape `LanguageModel` of
 * `@blip2/llm`. Here it is one that a folder holds, under another name.
 *
 *     LANGUAGE=models/opt blip2 train --data photos/ --preset small --language language-module.js --out runs/mine
 */
import { loadLanguageModel } from '@blip2/training';

export default async () => ({
  ...(await loadLanguageModel(process.env.LANGUAGE)),
  name: 'my language model', // what trained models call it
  fingerprint: 'version 1', // changes with its weights
  tokenizer: process.env.LANGUAGE, // trained models keep a copy of its files
});
