import { z } from 'zod';

/** An image of a request, by its address. */
const imageInput = z.strictObject({ image: z.string() });

/** A text or an image of a request. */
export const input = z.union([z.string(), imageInput, z.strictObject({ text: z.string() })], {
  error: 'give a text, or an image as {"image": "data:…"}.',
});
