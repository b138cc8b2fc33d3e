import { loadFolder } from '@blip2/models';

/** An image encoder of a user's own, with a private field: that of the model folder in the environment. */
class Own {
  #vision;
  constructor(vision) {
    this.#vision = vision;
    this.width = vision.width;
  }
  encode(pixels) {
    return this.#vision.encode(pixels);
  }
}

export default async ({ tf }) => {
  if (tf.getBackend() !== 'cpu') throw new Error('the backend is chosen before the weights are loaded');
  return new Own((await loadFolder(process.env.OWN_MODEL)).vision);
};
