import { downloadRealModels } from './real-models.js';

console.log(JSON.stringify(await downloadRealModels()));
