// Runs in the browser, on the built packages: model folders from everywhere that a page can have them from.
import { cachedModels, deleteModel } from '@blip2/hub';
import { fromPretrained, saveStage2 } from '@blip2/models';
import { memoryFolder, mountFolder, unmountFolder } from '@blip2/tensor/files';
import { ensureBackend } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

/** Captions images with a model, which is disposed, and gives their tokens; nothing may be left in memory. */
async function captionsOf(images, source, options) {
  await ensureBackend(); // asking for the memory would choose another one
  const before = tf.memory().numTensors;
  const model = await fromPretrained(source, options);
  const { backend } = model;
  const found = [];
  try {
    for (const image of images) {
      const { caption, tokens } = await model.caption(new URL(image, location.href));
      found.push({ caption, tokens });
    }
  } finally {
    model.dispose();
  }
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`${left} tensors are left`);
  return { found, backend };
}

const progressOf = () => {
  const seen = [];
  return { seen, onProgress: ({ done, total }) => seen.push([done, total]) };
};

const expectProgress = ({ seen }) => {
  const [done, total] = seen.at(-1) ?? [];
  if (seen.length === 0 || !(total > 0) || done > total) throw new Error(`progress ended with ${done} of ${total}`);
  const shares = seen.map(([done, total]) => done / total);
  if (shares.some((share, i) => share < shares[i - 1])) throw new Error(`progress went back: ${shares}`);
};

/** Files by path as a drop gives them: from a server, as there is no dialog here. */
const filesAt = (folder, paths) =>
  Promise.all(
    paths.map(async (path) => {
      const bytes = await (await fetch(folder + path)).arrayBuffer();
      const file = new File([bytes], path.split('/').at(-1));
      Object.defineProperty(file, 'webkitRelativePath', { value: `dropped/${path}` });
      return file;
    }),
  );

/** Each is called with what `check-models.ts` gives it, and its value goes back there. */
export const tests = {
  async starter({ images }) {
    const progress = progressOf();
    const { found, backend } = await captionsOf(images, undefined, progress);
    expectProgress(progress);
    return { found, backend };
  },
  async chosen({ images }) {
    const { files } = document.querySelector('input');
    const { found } = await captionsOf(images, files);
    return found;
  },
  async dropped({ images, folder, paths }) {
    return (await captionsOf(images, await filesAt(folder, paths))).found;
  },
  /** Read by ranges from a server, and not stored. */
  async address({ images, url }) {
    return (await captionsOf(images, new URL(url))).found;
  },
  async refused({ url, memory }) {
    return fromPretrained(url, { memory }).then(
      () => 'it was loaded',
      (error) => error.message,
    );
  },
  /** Saves the starter's second stage in memory and in a directory, and loads both. */
  async saved({ images }) {
    const model = await fromPretrained(undefined, { kind: 'generation' });
    const folder = memoryFolder();
    const root = mountFolder(folder, { name: 'saved' });
    const directory = await (await navigator.storage.getDirectory()).getDirectoryHandle('picked', { create: true });
    const { folder: from, params, config, processor, prompts } = model.models[0];
    const saved = {
      params,
      config,
      processor,
      prompts,
      tokenizer: from,
      vision: { folder: from },
      language: { folder: from },
    };
    await saveStage2(`${root}/model`, saved, { dtype: 'F16' });
    const inMemory = [...folder.files.keys()].sort();
    const { directoryFolder } = await import('@blip2/tensor/files');
    const picked = mountFolder(directoryFolder(directory), { name: 'picked' });
    await saveStage2(picked, saved, { dtype: 'F16' });
    await saveStage2(picked, saved, { dtype: 'F16' }); // replaces the model that is there
    model.dispose();
    unmountFolder(picked);
    const onDisk = [];
    for await (const name of directory.keys()) onDisk.push(name);
    const [a, b] = [await captionsOf(images, `${root}/model`), await captionsOf(images, directory)];
    const files = {};
    for (const path of inMemory) {
      const bytes = new Uint8Array(await folder.files.get(path).arrayBuffer());
      let text = '';
      for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
      files[path.slice('model/'.length)] = btoa(text);
    }
    return { memory: a.found, directory: b.found, onDisk: onDisk.sort(), files };
  },
  /** Loads from the hub; with `stopAfter` the download is given up after so many bytes, and `quota` is that of the storage. */
  async hub({ images, name, hub, stopAfter, quota }) {
    const { estimate } = navigator.storage;
    if (quota) navigator.storage.estimate = async () => ({ quota, usage: 1000 });
    const [notes, controller] = [[], new AbortController()];
    let last = { done: 0, total: 0 };
    const progress = progressOf();
    const onDownload = (state) => {
      last = state;
      if (state.done >= (stopAfter ?? Number.POSITIVE_INFINITY)) controller.abort(new Error('given up'));
    };
    const options = { hub, onDownload, onNote: (note) => notes.push(note), signal: controller.signal, ...progress };
    try {
      const { found } = await captionsOf(images, name, options);
      expectProgress(progress);
      return { found, notes, last };
    } catch (error) {
      return { error: error.message, notes, last };
    } finally {
      navigator.storage.estimate = estimate;
    }
  },
  cached: () => cachedModels(),
  deleted: ({ name }) => deleteModel(name),
};
