export { type ApproximateOptions, approximateIndex } from './approximate-index.js';
export { type FindOptions, findImages, type SkippedFile, type SkipReason } from './image-files.js';
export { type ImageIndex, type IndexedImage, type IndexModel, openIndex, type StoredFeatures } from './index-file.js';
export { graphPath, type IndexOptions, type IndexSummary, indexImages } from './index-images.js';
export { type SearchOptions, type SearchResult, searchIndex } from './search.js';
export { type ImageSearchOptions, searchByImage } from './search-by-image.js';
export { exactIndex, type ImageVectors, type Neighbor, type VectorIndex } from './vector-index.js';
