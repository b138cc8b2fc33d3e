/** Shares between 0 and 1 of the queries for which a right answer is among the first 1, 5 and 10. */
export interface Recall {
  readonly r1: number;
  readonly r5: number;
  readonly r10: number;
}

export interface RecallOptions {
  /** Queries, and what they are looked for among; needed for a flat array. */
  readonly rows?: number;
  readonly columns?: number;
  /** The right columns of each row, one or several. Default: row `i` belongs to column `i`. */
  readonly targets?: readonly (number | readonly number[])[];
}

type Similarity = ArrayLike<number> | readonly ArrayLike<number>[];

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly at: (row: number, column: number) => number;
}

function isNested(similarity: Similarity): similarity is readonly ArrayLike<number>[] {
  return similarity.length > 0 && typeof similarity[0] === 'object';
}

function matrix(similarity: Similarity, options: RecallOptions): Matrix {
  if (isNested(similarity)) {
    const columns = similarity[0]!.length;
    const odd = similarity.findIndex((row) => row.length !== columns);
    if (odd >= 0)
      throw new Error(`Row ${odd} has ${similarity[odd]!.length} scores and row 0 has ${columns}: give a matrix.`);
    return { rows: similarity.length, columns, at: (row, column) => similarity[row]![column]! };
  }
  const { rows = 0, columns = 0 } = options;
  if (rows * columns !== similarity.length || similarity.length === 0) {
    throw new Error(
      `${similarity.length} scores are no matrix of ${rows} x ${columns}: give \`rows\` and \`columns\`.`,
    );
  }
  return { rows, columns, at: (row, column) => similarity[row * columns + column]! };
}

/** How many wrong candidates score as high as the best right one or higher: ties count against the model. */
function rank({ columns, at }: Matrix, query: number, right: ReadonlySet<number>): number {
  let best = Number.NEGATIVE_INFINITY;
  for (const column of right) {
    if (!(column >= 0 && column < columns))
      throw new RangeError(`Row ${query} is to find column ${column} of ${columns}.`);
    best = Math.max(best, at(query, column)); // NaN stays NaN and never ranks
  }
  let above = 0;
  for (let column = 0; column < columns; column++) {
    if (!right.has(column) && !(at(query, column) < best)) above++;
  }
  return above;
}

function shares(scores: Matrix, targets: readonly ReadonlySet<number>[]): Recall {
  const ranks = targets.flatMap((right, query) => (right.size > 0 ? [rank(scores, query, right)] : []));
  const within = (k: number): number => ranks.filter((above) => above < k).length / ranks.length;
  return { r1: within(1), r5: within(5), r10: within(10) };
}

/**
 * Recall at 1, 5 and 10 in both directions from similarities `[rows, columns]`, e.g. images by texts. A query counts
 * where any of its right answers is among the first; a candidate that scores exactly as the right one counts as above
 * it, so that a model that gives everything the same score finds nothing. Queries without a right answer are left out.
 *
 * Throws where the scores are no matrix, or the targets do not fit it.
 */
export function recall(
  similarity: Similarity,
  options: RecallOptions = {},
): { readonly rowsToColumns: Recall; readonly columnsToRows: Recall } {
  const scores = matrix(similarity, options);
  const targets = options.targets ?? Array.from({ length: scores.rows }, (_, i) => i);
  if (targets.length !== scores.rows) {
    throw new Error(`There are targets for ${targets.length} rows of ${scores.rows}: give one entry a row.`);
  }
  const forward = targets.map((right) => new Set(typeof right === 'number' ? [right] : right));
  const backward = Array.from({ length: scores.columns }, () => new Set<number>());
  const rowsToColumns = shares(scores, forward);
  for (const [row, right] of forward.entries()) for (const column of right) backward[column]!.add(row);
  const transposed = { rows: scores.columns, columns: scores.rows, at: (i: number, j: number) => scores.at(j, i) };
  return { rowsToColumns, columnsToRows: shares(transposed, backward) };
}
