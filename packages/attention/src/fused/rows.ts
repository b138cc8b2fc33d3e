/**
 * Groups rows by the image to which they attend: the start of each image's rows [I + 1], then the rows [B] by image.
 * @throws for an image that does not exist
 */
export function rowsByImage(rows: Int32Array, images: number): Int32Array {
  const index = new Int32Array(images + 1 + rows.length);
  const starts = index.subarray(0, images + 1);
  const order = index.subarray(images + 1);
  for (const image of rows) {
    if (image < 0 || image >= images) {
      throw new Error(`'rows' refers to keys and values ${image} of ${images}; use 0 to ${images - 1}.`);
    }
    starts[image + 1]!++;
  }
  for (let i = 0; i < images; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  rows.forEach((image, row) => {
    order[next[image]!++] = row;
  });
  return index;
}
