/** Pillow's CMYK to RGB, which knows no color profile: `(255 - k) * (255 - ink) / 255`, in its integer rounding. */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const pixels = cmyk.length / 4;
  const rgb = new Uint8Array(pixels * 3);
  for (let p = 0; p < pixels; p++) {
    const light = 255 - cmyk[4 * p + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = cmyk[4 * p + c]! * light + 128;
      rgb[3 * p + c] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}
