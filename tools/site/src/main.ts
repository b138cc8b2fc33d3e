import { Images } from './images.js';
import { Model } from './model.js';
import { showModel } from './model-bar.js';
import { askPanel } from './panels/ask.js';
import { captionPanel } from './panels/caption.js';
import { explainPanel } from './panels/explain.js';
import { matchPanel } from './panels/match.js';
import { searchPanel } from './panels/search.js';
import { trainPanel } from './panels/train.js';
import { showTray } from './tray.js';
import { byId } from './ui/dom.js';
import { tabs } from './ui/tabs.js';

const images = new Images();
const model = new Model();

Object.assign(globalThis, { blip2: model }); // at hand in the console: (await blip2.get()).caption(image)
showModel(model);
showTray(images);
byId('work').append(
  tabs([
    { title: 'Caption', panel: captionPanel(images, model) },
    { title: 'Ask', panel: askPanel(images, model) },
    { title: 'Match', panel: matchPanel(images, model) },
    { title: 'Search', panel: searchPanel(images, model) },
    { title: 'Explain', panel: explainPanel(images, model) },
    { title: 'Train', panel: trainPanel(images, model) },
  ]),
);
