/** Recall at 1, 5 and 10, each from 0 to 1: the share of queries with a target among the first results. */
export interface Recall {
  /** Recall at 1. */
  readonly r1: number;
  /** Recall at 5. */
  readonly r5: number;
  /** Recall at 10. */
  readonly r10: number;
}

/** Options of {@link recall}. */
export interface RecallOptions {
  /** Number of rows; required for a flat array. */
  readonly rows?: number;
  /** Number of columns; required for a flat array. */
  readonly columns?: number;
  /** Target columns of each row, one or several. Default: column `i` for row `i`. */
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
      `${similarity.length} scores are not a matrix of ${rows} x ${columns}: give \`rows\` and \`columns\`.`,
    );
  }
  return { rows, columns, at: (row, column) => similarity[row * columns + column]! };
}

/** Counts the other candidates that score at least as high as the best target: ties count against the model. */
function rank({ columns, at }: Matrix, query: number, targets: ReadonlySet<number>): number {
  let best = Number.NEGATIVE_INFINITY;
  for (const column of targets) {
    if (!(column >= 0 && column < columns))
      throw new RangeError(
        `The target ${column} of query ${query} is not from 0 to ${columns - 1}: correct \`targets\`.`,
      );
    best = Math.max(best, at(query, column)); // NaN stays NaN and never ranks
  }
  let above = 0;
  for (let column = 0; column < columns; column++) {
    if (!targets.has(column) && !(at(query, column) < best)) above++;
  }
  return above;
}

function shares(scores: Matrix, targets: readonly ReadonlySet<number>[]): Recall {
  const ranks = targets.flatMap((right, query) => (right.size > 0 ? [rank(scores, query, right)] : []));
  const within = (k: number): number => ranks.filter((above) => above < k).length / ranks.length;
  return { r1: within(1), r5: within(5), r10: within(10) };
}

/**
 * Computes recall at 1, 5 and 10 in both directions from similarities `[rows, columns]`, such as images by texts. A query
 * is a hit where any of its targets is among the first results; candidates that score the same as a target rank above it,
 * so that constant scores have recall 0. Queries without a target are left out.
 * @throws Error where the scores are not a matrix, or the targets do not fit it
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
