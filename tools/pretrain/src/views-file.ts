import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { float16ToFloat32 } from '@blip2/tensor/safetensors';
import { CELLS, COMPONENTS, STUDENT_SIZE } from './teach.js';

const PICTURE = STUDENT_SIZE * STUDENT_SIZE * 3;
const MAP = CELLS * COMPONENTS;

export interface ViewsFile {
  readonly length: number;
  /** The images at these places, uint8 [B,S,S,3], and the teacher's maps of them, [B,49,C]. */
  read(places: ArrayLike<number>): { images: Uint8Array; maps: Float32Array };
  close(): void;
}

/** Opens what `look` wrote under `name`. */
export function openViews(folder: string, name: string): ViewsFile {
  const images = openSync(join(folder, `${name}.rgb`), 'r');
  const maps = openSync(join(folder, `${name}.f16`), 'r');
  return {
    length: Math.floor(statSync(join(folder, `${name}.rgb`)).size / PICTURE),
    read(places) {
      const out = { images: new Uint8Array(places.length * PICTURE), maps: new Float32Array(places.length * MAP) };
      const halves = new Uint16Array(MAP);
      for (let i = 0; i < places.length; i++) {
        const place = places[i] as number;
        readSync(images, out.images, i * PICTURE, PICTURE, place * PICTURE);
        readSync(maps, halves, 0, MAP * 2, place * MAP * 2);
        float16ToFloat32(halves, out.maps.subarray(i * MAP, (i + 1) * MAP));
      }
      return out;
    },
    close() {
      closeSync(images);
      closeSync(maps);
    },
  };
}
