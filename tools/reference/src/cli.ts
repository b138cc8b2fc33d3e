import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Quantization, quantizations } from '@blip2/convert';
import { type Backend, backends, useBackend } from './backend.js';
import { GOLDEN } from './folder.js';
import { verifyQuantized } from './quantized.js';
import { jsonLinesOf, tableOf, totalOf } from './table.js';
import { type Report, verifyFolder } from './verify.js';

const usage = `Usage: pnpm verify DIR... [--photos DIR] [--backend ${backends.join('|')}] [--quantize ${quantizations.join('|')}] [--json]

Holds folders of golden values against what the packages compute. For each value: the largest absolute error, the same
as a share of the largest golden element, and the tolerance.

  --photos DIR    where the images are; default: 'photos' beside each folder
  --backend NAME  default: cpu; webgpu is Dawn's, with the adapter that Vulkan finds
  --quantize NAME packs the weights first, and allows for what they then lose
  --json          one JSON object a line

Exits with 1 when a value fails, with 2 for wrong usage.
`;

export interface Output {
  out(line: string): void;
  err(line: string): void;
}

/** The command line. @returns the exit code */
export async function run(args: readonly string[], { out, err }: Output): Promise<number> {
  const wrong = (sentence: string): number => {
    err(`${sentence}\n\n${usage}`);
    return 2;
  };
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals: folders } = parsed;
  if (values.help) {
    out(usage);
    return 0;
  }
  const backend = backends.find((name) => name === values.backend);
  if (!backend) return wrong(`There is no backend '${values.backend}' here, only ${backends.join(', ')}.`);
  const quantize = quantizations.find((name) => name === values.quantize);
  if (values.quantize !== undefined && !quantize) {
    return wrong(`There is no quantization '${values.quantize}', only ${quantizations.join(', ')}.`);
  }
  if (folders.length === 0) return wrong('Name at least one folder.');
  const strange = folders.filter((folder) => !existsSync(join(folder, GOLDEN)));
  if (strange.length) return wrong(`There is no ${GOLDEN} in ${strange.join(', ')}; name folders that have one.`);
  try {
    return await verifyAll(folders, { backend, quantize, photos: values.photos, json: values.json, out });
  } catch (error) {
    err(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

interface LoadPlan {
  readonly backend: Backend;
  readonly quantize: Quantization | undefined;
  readonly photos: string | undefined;
  readonly json: boolean;
  readonly out: Output['out'];
}

async function verifyAll(
  folders: readonly string[],
  { backend, quantize, photos, json, out }: LoadPlan,
): Promise<number> {
  await useBackend(backend);
  const reports: Report[] = [];
  for (const folder of folders) {
    const report = await (quantize ? verifyQuantized(folder, quantize, { photos }) : verifyFolder(folder, { photos }));
    reports.push(report);
    for (const line of json ? jsonLinesOf(report) : [tableOf(report)]) out(line);
  }
  if (!json && reports.length > 1) for (const report of reports) out(totalOf(report));
  return reports.every((report) => report.failed === 0 && report.passed > 0) ? 0 : 1;
}

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      photos: { type: 'string' },
      backend: { type: 'string', default: 'cpu' },
      quantize: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
