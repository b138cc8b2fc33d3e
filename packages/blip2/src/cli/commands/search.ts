import type { Blip2 } from '@blip2/models';
import type { ImageIndex, SearchResult } from '@blip2/search';
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { COUNT, numberOption, type SharedOptions } from '../options.js';
import { addOwnModelOptions, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';
import { expectImage, unreadableImages } from './images.js';
import { openModel } from './model.js';

interface SearchFlags extends SharedOptions, OwnModelFlags {
  readonly index: string;
  readonly image?: string;
  readonly model?: string;
  readonly top: number;
  readonly rerank?: number;
  readonly approximate?: boolean;
}

export function searchCommand(command: Command, session: Session): Command {
  return addOwnModelOptions(command, ['vision'])
    .description('Search an index for the images that match a text best, or that are most like an image.')
    .argument('[query]', 'the text')
    .option('--image <file>', 'an image, in place of the text')
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
    .action(async (query: string | undefined, flags: SearchFlags) => {
      checkQuery(query, flags);
      if (flags.image !== undefined) await expectImage(flags.image);
      const { openIndex } = await import('@blip2/search');
      const index = await openIndex(flags.index);
      try {
        const { model: given } = flags;
        using model = await openModel(session, { ...flags, model: given ?? index.model.folder }, 'retrieval');
        const results = await find(model, index, { query, flags, session });
        for (const { rank, image, itc, itm } of results) {
          const scores = `itm ${itm === null ? '-'.padEnd(6) : itm.toFixed(4)}  itc ${itc.toFixed(4)}`;
          session.result({ rank, image, itc, itm }, `${String(rank).padStart(3)}  ${scores}  ${image}`);
        }
      } finally {
        await index.close();
      }
    });
}

/** @throws UsageError unless there is a text or an image, and for options that an image does not have */
function checkQuery(query: string | undefined, { image, rerank, approximate }: SearchFlags): void {
  if ((query === undefined) === (image === undefined)) {
    throw new UsageError('Give either a text to search for, or an image with --image FILE.');
  }
  if (image === undefined) return;
  for (const [name, value] of Object.entries({ '--rerank': rerank, '--approximate': approximate })) {
    if (value !== undefined) throw new UsageError(`${name} is for texts; leave it out with --image.`);
  }
}

interface Search {
  readonly query: string | undefined;
  readonly flags: SearchFlags;
  readonly session: Session;
}

async function find(model: Blip2, index: ImageIndex, { query, flags, session }: Search): Promise<SearchResult[]> {
  const { searchByImage, searchIndex } = await import('@blip2/search');
  const { image, top, rerank, approximate } = flags;
  const { signal, terminal } = session;
  if (image !== undefined) return searchByImage(model, { index, image }, { top, signal });
  return searchIndex(
    model,
    { index, query: query as string },
    {
      top,
      rerank,
      vectors: approximate ? await approximateVectors(index, session) : undefined,
      signal,
      onUnreadable: unreadableImages(session).report,
      onProgress: (done, total) => terminal.progress('matching', { done, total }),
    },
  );
}

async function approximateVectors(index: ImageIndex, { signal, terminal }: Session) {
  const { approximateIndex, graphPath } = await import('@blip2/search');
  const onProgress = (done: number, total: number): void => terminal.progress('building the graph', { done, total });
  return approximateIndex(index.vectors, { path: graphPath(index.path), signal, onProgress });
}
