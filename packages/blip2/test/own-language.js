import { loadFolder } from '@blip2/models';

/** A language model of a user's own: that of the model folder in the environment, without `predict`. */
const { language } = await loadFolder(process.env.OWN_MODEL);
const { kind, width, vocabSize, ids, embed, start } = language;
export default { kind, width, vocabSize, ids, embed, start };
