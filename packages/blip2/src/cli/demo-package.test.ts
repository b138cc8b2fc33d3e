import { expect, jest, test } from '@jest/globals';
import { blip2 } from '../../test/process.js';

jest.setTimeout(60_000);

test.each([['demo'], ['train', '--preset', 'smoke'], ['eval', '--model', 'nowhere', '--data', 'emoji']])(
  'without @blip2/demo, %s prints how to install it',
  async (...args) => {
    const { code, stdout, stderr } = await blip2(args, { imports: ['./test/no-demo.js'] });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe('The demo and its emoji data are a package of their own; run: npm install @blip2/demo\n');
  },
);
