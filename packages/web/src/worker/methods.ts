import { type ExplainOptions, explain } from '@blip2/explain';
import type { AskOptions, Blip2, CaptionOptions, CaptionsOptions, StreamTextOptions } from '@blip2/models';
import type { CallContext } from '../call-context.js';
import type { FineTuneSettings } from '../fine-tune.js';
import type { SentImage } from '../page/images.js';
import { imageIndexes } from './indexes.js';
import { receivedImage, receivedImages } from './received-image.js';
import { type SentExample, train } from './train.js';

/** Options as they are sent: without signals and callbacks, which cross as messages. */
export type Sent<Options> = Omit<Options, 'signal' | `on${string}`>;

/** The methods that a page calls, over a loaded model. */
export function methods(model: Blip2) {
  return {
    async caption({ signal }: CallContext, image: SentImage, options: Sent<CaptionOptions>) {
      return model.caption(await receivedImage(image), { ...options, signal });
    },

    async captions({ signal }: CallContext, images: readonly SentImage[], options: Sent<CaptionsOptions>) {
      return model.caption(await receivedImages(images), { ...options, signal });
    },

    async ask({ signal }: CallContext, image: SentImage, question: string, options: Sent<AskOptions>) {
      return model.ask(await receivedImage(image), question, { ...options, signal });
    },

    async askSeveral(
      { signal }: CallContext,
      images: readonly SentImage[],
      questions: readonly string[],
      options: Sent<AskOptions>,
    ) {
      return model.ask(await receivedImages(images), questions, { ...options, signal });
    },

    /** Emits `piece` for each piece of the text, and `token` for each id. */
    async stream({ signal, emit }: CallContext, image: SentImage, options: Sent<StreamTextOptions>): Promise<void> {
      const onToken = (id: number): void => emit('token', id);
      for await (const piece of model.stream(await receivedImage(image), { ...options, signal, onToken })) {
        emit('piece', piece);
      }
    },

    async match(_: CallContext, image: SentImage, texts: readonly string[]) {
      return model.match(await receivedImage(image), texts);
    },

    async explain(_: CallContext, image: SentImage, options: ExplainOptions) {
      return explain(model, await receivedImage(image), options);
    },

    ...imageIndexes(model),

    /** Emits `encoded`, `before` and `step`. */
    async train(
      context: CallContext,
      images: { readonly examples: readonly SentExample[]; readonly heldOut: readonly SentImage[] },
      settings: FineTuneSettings,
    ) {
      return train(model, context, images, settings);
    },
  };
}

/** The methods that a page calls. */
export type Methods = ReturnType<typeof methods>;
