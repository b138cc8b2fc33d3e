import type { ImageIndex } from '@blip2/search';
import type { Command } from 'commander';
import { COUNT, numberOption, type SharedOptions } from '../options.js';
import { addOwnModelOptions, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';
import { unreadableImages } from './images.js';
import { openModel } from './model.js';

interface SearchFlags extends SharedOptions, OwnModelFlags {
  readonly index: string;
  readonly model?: string;
  readonly top: number;
  readonly rerank?: number;
  readonly approximate?: boolean;
}

export function searchCommand(command: Command, session: Session): Command {
  return addOwnModelOptions(command, ['vision'])
    .description('Search an index for the images that match a text best.')
    .argument('<query>', 'the text')
    .requiredOption('--index <file>', 'the index, as the index command writes it')
    .addOption(numberOption('--top <n>', 'number of results', COUNT).default(10))
    .addOption(
      numberOption(
        '--rerank <n>',
        'images with the highest ITC that are ranked again by ITM logit + ITC; 0 for none (default: what the model says)',
        {
          integer: true,
          min: 0,
        },
      ),
    )
    .option('--model <model>', 'the model that made the index (default: its path at that time)')
    .option('--approximate', 'approximate nearest neighbors, for very many images; needs the package usearch')
    .action(async (query: string, flags: SearchFlags) => {
      const { openIndex, searchIndex } = await import('@blip2/search');
      const { signal, terminal } = session;
      const index = await openIndex(flags.index);
      try {
        const { model: given, top, rerank } = flags;
        using model = await openModel(session, { ...flags, model: given ?? index.model.folder }, 'retrieval');
        const vectors = flags.approximate ? await approximateVectors(index, session) : undefined;
        const results = await searchIndex(
          model,
          { index, query },
          {
            top,
            rerank,
            vectors,
            signal,
            onUnreadable: unreadableImages(session).report,
            onProgress: (done, total) => terminal.progress('matching', { done, total }),
          },
        );
        for (const { rank, image, itc, itm } of results) {
          const scores = `itm ${itm === null ? '-'.padEnd(6) : itm.toFixed(4)}  itc ${itc.toFixed(4)}`;
          session.result({ rank, image, itc, itm }, `${String(rank).padStart(3)}  ${scores}  ${image}`);
        }
      } finally {
        await index.close();
      }
    });
}

async function approximateVectors(index: ImageIndex, { signal, terminal }: Session) {
  const { approximateIndex, graphPath } = await import('@blip2/search');
  const onProgress = (done: number, total: number): void => terminal.progress('building the graph', { done, total });
  return approximateIndex(index.vectors, { path: graphPath(index.path), signal, onProgress });
}
