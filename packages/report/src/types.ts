import type { DecodedImage } from '@blip2/data';

/** Everything a report shows. What was not measured is left out, or an empty list; its section then goes too. */
export interface ReportData {
  readonly title: string;
  readonly made: Made;
  readonly curves: readonly Curve[];
  readonly retrieval?: Retrieval | undefined;
  readonly captions?: Captions | undefined;
  /** One row a type of question. Accuracies and priors are shares of one. */
  readonly vqa: readonly VqaScore[];
  readonly questions: readonly Question[];
  readonly attention: readonly Attention[];
  /** Sentences at the end. */
  readonly notes?: readonly string[] | undefined;
}

/** How the run was made. Holds no names of machines or folders, so that a report can be passed on. */
export interface Made {
  readonly seconds: number;
  readonly threads: number;
  readonly backend: string;
  readonly node: string;
  readonly preset: string;
}

/** The losses of one stage; a trainer's steps fit. */
export interface Curve {
  readonly stage: 1 | 2;
  readonly steps: readonly CurveStep[];
}

export interface CurveStep {
  readonly step: number;
  /** `total` and each term by name; a value that is not finite leaves a gap. */
  readonly losses: Readonly<Record<string, number>>;
  readonly lr: number;
}

/** Shares of queries whose right answer is among the first 1, 5 and 10. */
export interface Recall {
  readonly r1: number;
  readonly r5: number;
  readonly r10: number;
}

export interface Retrieval {
  /** How many the right one is sought among. */
  readonly candidates: number;
  /** An image asks for its text. */
  readonly i2t: Recall;
  /** A text asks for its image. */
  readonly t2i: Recall;
  readonly byText: readonly {
    readonly text: string;
    /** Place of the right image in `found`, from zero; -1 where it is not there. */
    readonly right: number;
    readonly found: readonly DecodedImage[];
    /** What each found image shows, for those who cannot see it. */
    readonly labels?: readonly string[] | undefined;
    /** Place of the right image among all candidates, from one. */
    readonly rank?: number | undefined;
  }[];
  readonly byImage: readonly {
    readonly image: DecodedImage;
    readonly label: string;
    readonly found: readonly { readonly text: string; readonly right: boolean }[];
    /** Place of the right text among all candidates, from one. */
    readonly rank?: number | undefined;
  }[];
}

export interface Captions {
  readonly cider: number;
  /** The same model, each image's visual tokens replaced by those of another image. */
  readonly ciderSwapped: number;
  /** Images measured. */
  readonly n: number;
  readonly samples: readonly {
    readonly image: DecodedImage;
    readonly caption: string;
    readonly reference: string;
    readonly swapped: string;
  }[];
}

export interface VqaScore {
  readonly type: string;
  readonly accuracy: number;
  /** The share of the most frequent answer: what blind guessing gets. */
  readonly prior: number;
  readonly n: number;
}

export interface Question {
  readonly image: DecodedImage;
  readonly question: string;
  /** The model's. */
  readonly answer: string;
  readonly right: string;
}

/** What each query looks at in one image. */
export interface Attention {
  readonly image: DecodedImage;
  readonly label: string;
  readonly maps: {
    readonly rows: number;
    readonly columns: number;
    /** `[Q, rows * columns]`, each row sums to one. The grid covers the whole image. */
    readonly values: Float32Array;
  };
}
