import { dispose, flatten, initialize, type Spec, specLeaves, type WeightSource } from '@blip2/tensor';

/** A file in memory that holds a freshly made model, with its names changed or, where `undefined`, left out. */
export function memoryFile(spec: Spec, rename: (name: string) => string | undefined = (name) => name): WeightSource {
  const params = initialize(spec, 1);
  const held = new Map<string, Float32Array>();
  for (const [path, tensor] of Object.entries(flatten(params))) {
    const name = rename(path);
    if (name !== undefined) held.set(name, Float32Array.from(tensor.dataSync()));
  }
  dispose(params);
  const shapes = specLeaves(spec).map(([path, { shape }]) => [rename(path), { shape, dtype: 'F32' }] as const);
  return {
    origin: 'memory',
    names: new Map(shapes.flatMap(([name, info]) => (name === undefined ? [] : [[name, info] as const]))),
    read: async (name) => held.get(name) as Float32Array,
    close: async () => {},
  };
}

/** A file that holds a tensor of another one under a further name. */
export function withCopy(source: WeightSource, from: string, to: string): WeightSource {
  const info = source.names.get(from);
  if (!info) throw new Error(`${source.origin} has no ${from}.`);
  const read = (name: string): Promise<Float32Array> => source.read(name === to ? from : name);
  return { ...source, names: new Map([...source.names, [to, info]]), read };
}
