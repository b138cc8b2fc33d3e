import type { ImageIndex } from '@blip2/search';
import type { Command } from 'commander';
import { sentence } from '../errors.js';
import { count, type Shared, whole } from '../options.js';
import type { Session } from '../session.js';
import { openModel } from './model.js';

interface Options extends Shared {
  readonly index: string;
  readonly model?: string;
  readonly top: number;
  readonly rerank: number;
  readonly approximate: boolean;
}

export function searchCommand(command: Command, session: Session): Command {
  return command
    .description('Find the images of an index that a text fits best.')
    .argument('<query>', 'a text')
    .requiredOption('--index <file>', 'what index made')
    .option('--top <n>', 'so many results', count, 10)
    .option('--rerank <n>', 'how many of the best by ITC are put in the order of ITM logit + ITC', whole, 128)
    .option('--model <folder>', 'the model that made the index (default: where it lay then)')
    .option('--approximate', 'for very many images: a graph finds the best by ITC; needs usearch', false)
    .action(async (query: string, options: Options) => {
      const { openIndex } = await import('@blip2/search');
      const { signal, terminal } = session;
      const index = await openIndex(options.index);
      try {
        const { model: given, top, rerank } = options;
        using model = await openModel(session, { ...options, model: given ?? index.model.folder }, 'retrieval');
        const { searchIndex } = await import('@blip2/search');
        const vectors = options.approximate ? await graph(index, session) : undefined;
        const found = await searchIndex(
          model,
          { index, query },
          {
            top,
            rerank,
            vectors,
            signal,
            onUnreadable: (_, error) => terminal.line(sentence(error, signal) ?? ''),
            onProgress: (done, total) => terminal.progress('matching', { done, total }),
          },
        );
        for (const { rank, image, itc, itm } of found) {
          const scores = `itm ${itm === null ? '-'.padEnd(6) : itm.toFixed(4)}  itc ${itc.toFixed(4)}`;
          session.result({ rank, image, itc, itm }, `${String(rank).padStart(3)}  ${scores}  ${image}`);
        }
      } finally {
        await index.close();
      }
    });
}

async function graph(index: ImageIndex, session: Session) {
  const [{ approximateIndex }, { graphPath }] = await Promise.all([import('@blip2/search'), import('@blip2/search')]);
  const { signal, terminal } = session;
  const onProgress = (done: number, total: number): void => terminal.progress('making the graph', { done, total });
  return approximateIndex(index.vectors, { path: graphPath(index.path), signal, onProgress });
}
