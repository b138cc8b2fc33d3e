import { SIZE } from './places.js';
import { MEAN, STD } from './retrieval.js';

/** `config.json` of the encoder. */
export const configJson = {
  architectures: ['EfficientNetLite'],
  model_type: 'efficientnet_lite',
  width_coefficient: 1,
  depth_coefficient: 1,
  image_size: SIZE,
  output_stride: 32,
  output_stages: [7],
  position_channels: 32,
};

/** `preprocessor_config.json` of the encoder. */
export const preprocessorJson = {
  image_processor_type: 'BlipImageProcessor',
  do_resize: true,
  size: { height: SIZE, width: SIZE },
  resample: 3,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [MEAN, MEAN, MEAN].map((mean) => mean / 255),
  image_std: [STD, STD, STD].map((std) => std / 255),
  do_convert_rgb: true,
};
