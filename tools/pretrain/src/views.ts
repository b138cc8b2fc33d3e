import { hash, type Rng, rng } from '@blip2/tensor';
import type { Drawing } from './drawings.js';

/** How one image is made: `moved`, one drawing somewhere on a ground; `scene`, up to four. */
export type View = { kind: 'moved'; drawing: number } | { kind: 'scene'; index: number };

/** A drawing in a view: its place and side in hundredths of the image, and how far it is turned, in degrees. */
interface Part {
  readonly drawing: number;
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly degrees: number;
}

/** What a view shows, before it is drawn. */
interface Layout {
  readonly ground: string;
  readonly parts: readonly Part[];
}

const between = (random: Rng, low: number, high: number): number => low + (high - low) * random();

/** Each drawing once, and `scenes` scenes, in a seeded order. */
export function listViews(drawings: number, scenes: number, seed: number): View[] {
  const views: View[] = [
    ...Array.from({ length: drawings }, (_, drawing): View => ({ kind: 'moved', drawing })),
    ...Array.from({ length: scenes }, (_, index): View => ({ kind: 'scene', index })),
  ];
  const random = rng(seed);
  for (let i = views.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [views[i], views[j]] = [views[j] as View, views[i] as View];
  }
  return views;
}

/** What stands where in a view of some of `drawings` drawings: a pure function of its arguments. */
function layOut(view: View, drawings: number, seed: number): Layout {
  const random = rng(hash(seed, JSON.stringify(view)));
  if (view.kind === 'moved') {
    const size = between(random, 45, 100);
    const x = between(random, 0, 100 - size);
    const y = between(random, 0, 100 - size);
    const colors = ground(random);
    const degrees = between(random, -15, 15);
    return { ground: colors, parts: [{ drawing: view.drawing, x, y, size, degrees }] };
  }
  const any = (): number => Math.floor(random() * drawings);
  const count = 1 + Math.floor(random() * 4);
  const repeated = random() < 0.4 ? any() : undefined;
  const parts = quarters(random)
    .slice(0, count)
    .map(([x, y]): Part => {
      const size = between(random, 30, 50);
      const jitter = 50 - size;
      const drawing = repeated ?? any();
      return { drawing, x: x + random() * jitter, y: y + random() * jitter, size, degrees: 0 };
    });
  return { ground: ground(random), parts };
}

/** The SVG of a view, on a canvas of 100 by 100. */
export function viewSvg(view: View, drawings: readonly Drawing[], seed: number): string {
  const { ground, parts } = layOut(view, drawings.length, seed);
  return canvas(ground, parts.map((part, i) => place(drawings[part.drawing] as Drawing, part, `a${i}`)).join(''));
}

function quarters(random: Rng): [number, number][] {
  const corners: [number, number][] = [
    [0, 0],
    [50, 0],
    [0, 50],
    [50, 50],
  ];
  return corners
    .map((corner) => [random(), corner] as const)
    .sort(([a], [b]) => a - b)
    .map(([, corner]) => corner);
}

function place({ width, height, body }: Drawing, { x, y, size, degrees }: Part, prefix: string): string {
  return (
    `<g transform="rotate(${degrees} ${x + size / 2} ${y + size / 2})">` +
    `<svg x="${x}" y="${y}" width="${size}" height="${size}" viewBox="0 0 ${width} ${height}">${ownIds(body, prefix)}</svg></g>`
  );
}

/** Ids are one space in a document: two drawings with an id in common would share a gradient. */
function ownIds(body: string, prefix: string): string {
  return body
    .replace(/\bid="/g, `id="${prefix}`)
    .replace(/url\(#/g, `url(#${prefix}`)
    .replace(/href="#/g, `href="#${prefix}`);
}

function canvas(ground: string, inside: string): string {
  const gradient = ground.startsWith('<');
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 100" color="#333">' +
    `${gradient ? ground : ''}<rect width="100" height="100" fill="${gradient ? 'url(#ground)' : ground}"/>${inside}</svg>`
  );
}

const color = (random: Rng): string =>
  `hsl(${Math.floor(360 * random())},${Math.floor(between(random, 10, 90))}%,${Math.floor(between(random, 25, 95))}%)`;

function ground(random: Rng): string {
  const kind = random();
  if (kind < 0.3) return '#fff';
  if (kind < 0.65) return color(random);
  return (
    `<defs><linearGradient id="ground" gradientTransform="rotate(${Math.floor(90 * random())})">` +
    `<stop offset="0" stop-color="${color(random)}"/><stop offset="1" stop-color="${color(random)}"/></linearGradient></defs>`
  );
}
