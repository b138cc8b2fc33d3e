import { fixture } from '@blip2/testing';
import { expect, jest, test } from '@jest/globals';
import { Session } from './session.js';

/** What must not be loaded for wrong usage or help. */
const heavy = [
  '@tensorflow/tfjs',
  '@blip2/tensor/files',
  ...[
    'convert',
    'data',
    'datasets',
    'demo',
    'explain',
    'hub',
    'image-text',
    'models',
    'runs',
    'search',
    'server',
    'tensor',
    'training',
  ].map((name) => `@blip2/${name}`),
];
const loaded: string[] = [];
for (const name of heavy) {
  jest.unstable_mockModule(name, () => {
    loaded.push(name);
    throw new Error(`'${name}' was loaded.`);
  });
}
const { run } = await import('./run.js');

/** Runs the command line within this process. */
async function call(args: readonly string[]) {
  const [out, err]: string[][] = [[], []];
  const sink = (texts: string[]) => ({ write: (text: string) => texts.push(text) });
  const session = new Session({ stdout: sink(out!), stderr: sink(err!), signal: new AbortController().signal });
  const code = await run(args, session, '1.2.3');
  return { code, stdout: out!.join(''), stderr: err!.join(''), loaded: [...loaded] };
}

const image = fixture('photos/rocket.jpg');
const model = ['--model', 'nowhere'];
const caption = ['caption', image, ...model];
const ask = ['ask', image, 'why?', ...model];
const explain = ['explain', image, ...model];
const search = ['search', 'a cat', '--index', 'nowhere'];
const features = ['features', ...model, '--out', 'nowhere'];

const wrong: [args: readonly string[], message: string][] = [
  // commands, arguments and options
  [['capton', image], "Unknown command 'capton' (did you mean caption?)."],
  [['caption', ...model], "Missing required argument 'image'."],
  [[...caption, '--beens', '3'], "Unknown option '--beens' (did you mean --beams?)."],
  [[...caption, '--beams'], "Option '--beams <n>' argument missing."],
  [['match', image, ...model], "Missing required argument 'text'."],
  [[...ask, 'and?'], "Too many arguments for 'ask': expected 2 arguments but got 3."],
  [['index', image, ...model], "Required option '--out <file>' not specified."],
  [['search', 'a cat'], "Required option '--index <file>' not specified."],
  // options of every command
  [['demo', '--threads', '0'], "--threads must be a whole number, at least 1, not '0'."],
  [['inspect', 'nowhere', '--threads', 'two'], "--threads must be a whole number, at least 1, not 'two'."],
  [['demo', '--seed', '1.5'], "--seed must be a whole number, not '1.5'."],
  [['demo', '--seed', ''], "--seed must be a whole number, not ''."],
  [['demo', '--backend', 'cuda'], "--backend must be one of simd, cpu, not 'cuda'."],
  [
    ['demo', '--backend', 'cpu', '--threads', '2'],
    '--threads is an option of the simd backend; leave it out with --backend cpu.',
  ],
  // train and eval
  [['train'], 'Give the images to train on, with --data PATH.'],
  [['train', '--data', 'emoji'], 'Give either --config or --preset.'],
  [['train', '--preset', 'demo', '--config', 'demo.json'], 'Give either --config or --preset.'],
  [
    ['train', '--preset', 'big'],
    "--preset must be one of demo, emoji-full, scenes-smollm2, smoke, pretrain, small, not 'big'.",
  ],
  [['train', '--preset', 'demo', '--stage', '3'], "--stage must be one of 1, 2, all, not '3'."],
  [
    ['train', '--preset', 'demo', '--data', 'coco'],
    "The preset 'demo' is for --data emoji; give one of pretrain, small.",
  ],
  [
    ['train', '--preset', 'small', '--data', 'emoji'],
    "The preset 'small' is for images of your own; give one of demo, emoji-full, scenes-smollm2, smoke.",
  ],
  [['train', '--preset', 'small'], 'Give the images to train on, with --data PATH.'],
  [
    ['train', '--preset', 'demo', '--validation', '0.1'],
    '--validation is for images of your own; give them with --data PATH.',
  ],
  [
    ['train', '--data', 'photos', ...model, '--preset', 'small'],
    '--model is fine-tuned, and --preset trains from frozen models; leave out one or the other.',
  ],
  [
    ['train', '--data', 'photos', ...model, '--vision', 'clip'],
    '--vision is for --preset or --config: fine-tuning keeps the parts of the model.',
  ],
  [
    ['train', '--data', 'photos', ...model, '--validation', '1'],
    "--validation must be a share from 0 to below 1, a split or a path, not '1'.",
  ],
  [
    ['train', '--data', 'photos', ...model, '--views', '2', '--no-feature-cache'],
    '--views are kept in the feature cache; leave them out with --no-feature-cache.',
  ],
  [
    ['train', '--data', 'photos', '--max-skipped', '2'],
    "--max-skipped must be a number, at least 0 and at most 1, not '2'.",
  ],
  [['train', '--preset', 'demo', '--max-steps', '0'], "--max-steps must be a whole number, at least 1, not '0'."],
  [['eval', ...model, '--split', 'test'], '--split is for images of your own; give them with --data PATH.'],
  [['eval', ...model, '--rerank', '-1'], "--rerank must be a whole number, at least 0, not '-1'."],
  [['eval', ...model, '--template', 'Question:'], "--template must have {} for the question, not 'Question:'."],
  [['eval', ...model, '--beams', '0'], "--beams must be a whole number, at least 1, not '0'."],
  [
    ['eval', ...model, '--min-new-tokens', '9'],
    '--min-new-tokens 9 is above --max-new-tokens 8; lower it or raise that.',
  ],
  [
    ['eval', ...model, '--decoding', 'captionNucleus'],
    "--decoding must be one of caption, captionLavis, captionCoco, captionNoCaps, vqa, vqaLavis, instruct, not 'captionNucleus'.",
  ],
  // generation
  [[...caption, '--beams', '0'], "--beams must be a whole number, at least 1, not '0'."],
  [[...caption, '--beams', '2.5'], "--beams must be a whole number, at least 1, not '2.5'."],
  [[...caption, '--max-new-tokens', '0'], "--max-new-tokens must be a whole number, at least 1, not '0'."],
  [[...caption, '--min-new-tokens', '-1'], "--min-new-tokens must be a whole number, at least 0, not '-1'."],
  [
    [...caption, '--min-new-tokens', '9', '--max-new-tokens', '8'],
    '--min-new-tokens 9 is above --max-new-tokens 8; lower it or raise that.',
  ],
  [[...ask, '--min-new-tokens', '11'], '--min-new-tokens 11 is above --max-new-tokens 10; lower it or raise that.'],
  [[...caption, '--length-penalty', 'Infinity'], "--length-penalty must be a number, not 'Infinity'."],
  [[...caption, '--repetition-penalty', '0'], "--repetition-penalty must be a number, above 0, not '0'."],
  [[...caption, '--sample', '--temperature', '0'], "--temperature must be a number, above 0, not '0'."],
  [[...caption, '--sample', '--top-k', '-1'], "--top-k must be a whole number, at least 0, not '-1'."],
  [[...caption, '--sample', '--top-p', '0'], "--top-p must be a number, above 0 and at most 1, not '0'."],
  [[...caption, '--sample', '--top-p', '1.1'], "--top-p must be a number, above 0 and at most 1, not '1.1'."],
  [[...caption, '--sample', '--top-p', 'NaN'], "--top-p must be a number, above 0 and at most 1, not 'NaN'."],
  [[...caption, '--temperature', '2'], '--temperature needs sampling; add --sample.'],
  [[...caption, '--top-k', '5'], '--top-k needs sampling; add --sample.'],
  [[...caption, '--decoding', 'captionCoco', '--top-p', '0.9'], '--top-p needs sampling; add --sample.'],
  [[...caption, '--num-sequences', '0'], "--num-sequences must be a whole number, at least 1, not '0'."],
  [[...caption, '--num-sequences', '6'], '--num-sequences 6 needs as many beams; raise --beams, or --sample with one.'],
  [[...caption, '--stop', ''], '--stop must be a token or its id, not an empty text.'],
  [[...caption, '--stream', '--json'], '--stream prints text as it is generated; leave it out with --json.'],
  [
    [...caption, '--stream', '--beams', '3'],
    '--stream prints one text of one beam; leave out --beams and --num-sequences.',
  ],
  [
    [...caption, '--decoding', 'vqa'],
    "--decoding must be one of caption, captionLavis, captionNucleus, captionCoco, captionNoCaps, instruct, not 'vqa'.",
  ],
  [[...ask, '--decoding', 'caption'], "--decoding must be one of vqa, vqaLavis, instruct, not 'caption'."],
  [[...caption, '--preset', 'caption'], "Unknown option '--preset' (did you mean --prompt?)."],
  [[...ask, '--turn', 'what'], "--turn must be a question and an answer with a | between, not 'what'."],
  [[...ask, '--template', 'Question:'], "--template must have {} for the question, not 'Question:'."],
  // search, features, explain, convert
  [['serve', '--port', '70000'], "--port must be a whole number, at least 0 and at most 65535, not '70000'."],
  [['serve', '--queue', '0'], "--queue must be a whole number, at least 1, not '0'."],
  [['search', '--index', 'nowhere'], 'Give either a text to search for, or an image with --image FILE.'],
  [[...search, '--image', image], 'Give either a text to search for, or an image with --image FILE.'],
  [
    ['search', '--image', image, '--index', 'nowhere', '--approximate'],
    '--approximate is for texts; leave it out with --image.',
  ],
  [[...search, '--top', '0'], "--top must be a whole number, at least 1, not '0'."],
  [[...search, '--rerank', '-1'], "--rerank must be a whole number, at least 0, not '-1'."],
  [features, 'Nothing to extract features of: give images, or texts with --text.'],
  [
    [...features, '--text', 'a cat', '--kind', 'image'],
    '--kind image needs images without --text, not --text without images.',
  ],
  [[...features, image, '--kind', 'all'], "--kind must be one of image, text, multimodal, vision, not 'all'."],
  [[...explain, '--out', 'sheet.png', '--layer', '-1'], "--layer must be a whole number, at least 0, not '-1'."],
  [[...explain, '--out', 'sheet.jpg'], "--out must end in .png, .svg or .html, not 'sheet.jpg'."],
  [['convert', 'in', 'out', '--dtype', 'int8'], "--dtype must be one of f32, f16, bf16, not 'int8'."],
  [['convert', 'in', 'out', '--quantize', 'int3'], "--quantize must be one of int8, int4, f16, not 'int3'."],
  [
    ['convert', 'in', 'out', '--quantize', 'int8', '--dtype', 'f16'],
    '--dtype and --quantize exclude each other; leave one out.',
  ],
  [['convert', 'in', 'out', '--keep', 'lm_head'], '--keep is for --quantize, which is missing; give both.'],
];

test.each(wrong.map(([args, message]) => [args.join(' ').replace(image, 'IMAGE'), args, message] as const))(
  'wrong usage: %s',
  async (_, args, message) => {
    expect(await call(args)).toEqual({ code: 2, stdout: '', stderr: `${message}\n`, loaded: [] });
  },
);

test('a missing image is found before anything is loaded', async () => {
  const message = "There is no image at 'nothing.jpg'; check the path.\n";
  for (const args of [
    ['ask', 'nothing.jpg', 'why?'],
    ['match', 'nothing.jpg', 'a cat'],
    ['explain', 'nothing.jpg'],
  ]) {
    const out = args[0] === 'explain' ? ['--out', 'sheet.png'] : [];
    expect(await call([...args, ...model, ...out])).toEqual({ code: 1, stdout: '', stderr: message, loaded: [] });
  }
});

test('help and version load nothing; without a command there is help, and exit code 2', async () => {
  expect(await call(['--version'])).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '', loaded: [] });
  const help = await call(['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '', loaded: [] });
  expect(help.stdout).toContain('Train and evaluate BLIP-2, and use it');
  expect(await call([])).toMatchObject({ code: 2, stdout: '', stderr: help.stdout, loaded: [] });
  const commands = [...help.stdout.matchAll(/^ {2}(\w+) (\[options\]|\[command\])/gm)].map((match) => match[1]!);
  expect(commands.filter((name) => name !== 'help')).toHaveLength(13);
  for (const name of commands.filter((one) => one !== 'help')) {
    const { code, stdout, stderr, loaded } = await call([name, '--help']);
    expect({ code, stderr, loaded }).toEqual({ code: 0, stderr: '', loaded: [] });
    for (const option of ['--json', '--backend', '--threads', '--seed', '--debug']) expect(stdout).toContain(option);
  }
});

test('--debug adds the stack trace', async () => {
  const { code, stderr } = await call(['train', '--debug']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^Give the images to train on, with --data PATH\.\nUsageError: .*\n {4}at /);
});
