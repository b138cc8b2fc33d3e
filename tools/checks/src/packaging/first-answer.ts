import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { drawEmoji } from '../bundles/drawing.js';
import type { Result } from '../report.js';
import { run } from '../run.js';
import { type Tarballs, withProject } from './project.js';

/** The last version of the client for Node 20. */
const CLIENT = 'openai@6.30.1';
const LIMIT = 60;

/** Asks a server for a caption of `apple.png`, and prints it. */
const PROGRAM = `
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
const client = new OpenAI({ baseURL: process.argv[2] + '/v1', apiKey: 'none' });
const url = 'data:image/png;base64,' + readFileSync('apple.png').toString('base64');
const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
const { choices } = await client.chat.completions.create({ model: 'blip2-starter', messages });
console.log(choices[0].message.content);
`;

/**
 * Installs blip2 from its tarballs in an empty folder, starts `npx blip2 serve` there, and asks it with OpenAI's client, which is
 * installed elsewhere: the first answer must come within a minute of the beginning of the installation.
 */
export async function checkFirstAnswer(tarballs: Tarballs): Promise<Result[]> {
  const problems: string[] = [];
  await withProject([CLIENT], new Map(), async (client) => {
    writeFileSync(join(client, 'ask.js'), PROGRAM);
    await drawEmoji('red-apple', join(client, 'apple.png'));
    const start = performance.now();
    const seconds = (): number => Math.round((performance.now() - start) / 100) / 10;
    await withProject(['blip2'], tarballs, async (project) => {
      const installed = seconds();
      const server = spawn('npx', ['blip2', 'serve', '--port', '0'], { cwd: project, detached: true });
      const ended = once(server, 'close');
      try {
        const url = await addressOf(server.stderr);
        const served = seconds();
        const { code, output } = await run(process.execPath, ['ask.js', url], { cwd: client });
        const { version } = JSON.parse(readFileSync(join(project, 'node_modules/blip2/package.json'), 'utf8'));
        console.log(
          `blip2 ${version}: installed after ${installed} s, served after ${served} s, answered after ${seconds()} s`,
        );
        if (code !== 0 || !output.includes('apple')) problems.push(`The client got: ${output}`);
        if (seconds() > LIMIT) problems.push(`The first answer came after ${seconds()} s, not within ${LIMIT} s.`);
      } finally {
        process.kill(-server.pid!); // npx and what it started
        await ended;
      }
    });
  });
  return [{ name: 'first answer', problems }];
}

/** The address that the server prints. */
async function addressOf(lines: NodeJS.ReadableStream): Promise<string> {
  let said = '';
  for await (const line of createInterface({ input: lines })) {
    const [, url] = /served at (http:\/\/[\d.]+:\d+);/.exec(line) ?? [];
    if (url !== undefined) {
      lines.resume();
      return url;
    }
    said += `${line}\n`;
  }
  throw new Error(`The server did not start: ${said}`);
}
