import type { DecodedImage } from '@blip2/data';

/** The contents of a report. What is left out or an empty list has no section. */
export interface ReportData {
  /** The title of the page. */
  readonly title: string;
  readonly run: RunInfo;
  /** Losses and learning rate of each stage. */
  readonly curves: readonly Curve[];
  readonly retrieval?: Retrieval | undefined;
  readonly captions?: Captions | undefined;
  /** Captions of images of a single object. */
  readonly single?: Singles | undefined;
  /** Search for images of a single object by its name. */
  readonly search?: Search | undefined;
  /** VQA accuracy, one row per type of question. */
  readonly vqa: readonly VqaScore[];
  /** Examples of questions with answers. */
  readonly questions: readonly Question[];
  /** Cross-attention maps of some images. */
  readonly attention: readonly Attention[];
  /** What the scores above were measured on, where there is another split too. */
  readonly split?: string | undefined;
  /** The scores of another split, such as images like those of training. */
  readonly known?: KnownSplit | undefined;
  /** What the frozen parts reach alone. */
  readonly bounds?: Bounds | undefined;
  /** Sentences at the end of the report. */
  readonly notes?: readonly string[] | undefined;
}

/** How a run was made. It has no names of machines or folders, so that a report can be published. */
export interface RunInfo {
  readonly seconds: number;
  readonly threads: number;
  readonly backend: string;
  /** The version of Node, as `process.version`. */
  readonly node: string;
  /** The name of the run's configuration. */
  readonly preset: string;
  /** How far a run is that has not ended. */
  readonly progress?: RunProgress | undefined;
}

/** How far a run is. */
export interface RunProgress {
  readonly stage: 1 | 2;
  /** The steps of the stage so far. */
  readonly done: number;
  /** All steps of the stage. */
  readonly total: number;
  /** The time that the stage will still take. Without it the run was stopped; with it the page reloads itself. */
  readonly secondsLeft?: number | undefined;
}

/** The losses of one stage over its logged steps. */
export interface Curve {
  readonly stage: 1 | 2;
  readonly steps: readonly CurveStep[];
}

/** A logged step; those of `@blip2/trainer` have this shape. */
export interface CurveStep {
  readonly step: number;
  /** `total` and each term by name; a value that is not finite leaves a gap. */
  readonly losses: Readonly<Record<string, number>>;
  /** The learning rate. */
  readonly lr: number;
}

/** Recall at 1, 5 and 10: the share of queries whose match is among the first 1, 5 and 10 results, from 0 to 1. */
export interface Recall {
  readonly r1: number;
  readonly r5: number;
  readonly r10: number;
}

/** The retrieval scores of a run, with examples. */
export interface Retrieval {
  /** The number of candidates of each query. */
  readonly candidates: number;
  /** Image-to-text retrieval. */
  readonly i2t: Recall;
  /** Text-to-image retrieval. */
  readonly t2i: Recall;
  /** Examples of text-to-image retrieval. */
  readonly byText: readonly {
    readonly text: string;
    /** Index of the correct image in `found`; -1 where it is not there. */
    readonly right: number;
    /** The best images, best first. */
    readonly found: readonly DecodedImage[];
    /** Alternative texts of the images in `found`. */
    readonly labels?: readonly string[] | undefined;
    /** The rank of the correct image among all candidates, from 1. */
    readonly rank?: number | undefined;
  }[];
  /** Examples of image-to-text retrieval. */
  readonly byImage: readonly {
    readonly image: DecodedImage;
    readonly label: string;
    readonly found: readonly { readonly text: string; readonly right: boolean }[];
    /** The rank of the correct text among all candidates, from 1. */
    readonly rank?: number | undefined;
  }[];
}

/** The captioning scores of a run, with examples. */
export interface Captions {
  readonly cider: number;
  /** CIDEr of captions generated from the soft prompts of other images. */
  readonly ciderSwapped: number;
  /** The share of captions that equal a reference. */
  readonly exact?: number | undefined;
  /** The number of images. */
  readonly n: number;
  readonly samples: readonly (CaptionSample & {
    /** The caption generated from the soft prompt of another image. */
    readonly swapped: string;
    /** The caption of another model for comparison, with its name on the page. */
    readonly compared?: { readonly name: string; readonly caption: string } | undefined;
  })[];
}

/** An image with its generated caption. */
export interface CaptionSample {
  readonly image: DecodedImage;
  readonly caption: string;
  readonly reference: string;
  /** Whether the caption equals a reference, where that was measured. */
  readonly exact?: boolean | undefined;
}

/** The scores of captions of single objects, with examples. */
export interface Singles {
  /** The share of captions that equal a reference. */
  readonly exact: number;
  /** The number of images. */
  readonly n: number;
  readonly samples: readonly CaptionSample[];
}

/** The scores of a search for images by text. */
export interface Search {
  /** The number of images. */
  readonly images: number;
  readonly t2i: Pick<Recall, 'r1'>;
}

/** The scores of a second split. */
export interface KnownSplit {
  /** What it is called on the page. */
  readonly name: string;
  readonly retrieval?: Pick<Retrieval, 'candidates' | 'i2t' | 't2i'> | undefined;
  readonly captions?: Captions | undefined;
  readonly single?: Singles | undefined;
  readonly vqa: readonly VqaScore[];
}

/** What the frozen parts of a model reach alone, which bounds what is learned between them. */
export interface Bounds {
  /** Retrieval by the image encoder's own features. */
  readonly retrieval?: Pick<Recall, 'r1' | 'r5'> | undefined;
  /** The language model's captions of descriptions of the images, in place of the images. */
  readonly captions?: Pick<Singles, 'exact'> | undefined;
  /** The language model's answers about descriptions of the images. */
  readonly vqa?: { readonly types: readonly Pick<VqaScore, 'type' | 'accuracy'>[] } | undefined;
}

/** The accuracy on one type of question, from 0 to 1. */
export interface VqaScore {
  readonly type: string;
  readonly accuracy: number;
  /** The accuracy of always giving the most frequent answer. */
  readonly prior: number;
  /** The number of questions. */
  readonly n: number;
}

/** A question with the generated and the reference answer. */
export interface Question {
  readonly image: DecodedImage;
  readonly question: string;
  /** The generated answer. */
  readonly answer: string;
  /** The reference answer. */
  readonly right: string;
}

/** The cross-attention of each query over one image. */
export interface Attention {
  readonly image: DecodedImage;
  readonly label: string;
  readonly maps: {
    readonly rows: number;
    readonly columns: number;
    /** Attention weights `[Q, rows * columns]`; each row sums to 1, and the grid covers the whole image. */
    readonly values: Float32Array;
  };
}
