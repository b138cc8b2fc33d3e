import type { Inspection } from '@blip2/models';
import type { Command } from 'commander';
import type { Session } from '../session.js';
import { hubOptions } from './model.js';

export function inspectCommand(command: Command, session: Session): Command {
  return command
    .description(
      'List the tensors of a model, which are missing or unused, and the memory it needs, without loading it.',
    )
    .argument(
      '[model]',
      'a model folder, a name on the hub, the output folder of train, or a weights file (default: the starter model)',
    )
    .action(async (path: string | undefined) => {
      const { inspectModel, formatMemoryPlan } = await import('@blip2/models');
      for (const inspection of await inspectModel(path, hubOptions(session))) {
        const { tensors, parameters, missing, unused, misshaped, memory, quantization, note } = inspection;
        if (note) session.terminal.line(note);
        session.result(
          { tensors, parameters, missing, unused, misshaped, memory, ...(quantization && { quantization }) },
          table(inspection, formatMemoryPlan(memory)),
        );
      }
    });
}

function table(inspection: Inspection, memory: string): string {
  const { path, tensors, parameters, missing, unused, misshaped, quantization } = inspection;
  const width = Math.max(...tensors.map(({ name }) => name.length), 0);
  const rows = tensors.map(
    ({ name, shape, dtype }) => `${name.padEnd(width)}  ${dtype.padEnd(4)}  [${shape.join(',')}]`,
  );
  const lists = Object.entries({ missing, unused, 'of another shape': misshaped })
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.join(', ')}`);
  const total = `${path}: ${tensors.length} tensors, ${parameters.toLocaleString('en')} parameters`;
  const precision = quantization ? `${quantization.quantize}, the rest float32` : 'as float32';
  return [...rows, total, `memory, ${precision}: ${memory}`, ...lists].join('\n');
}
