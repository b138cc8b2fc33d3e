import * as tf from '@tensorflow/tfjs';

// Without it every test file prints the engine's advice to install another backend.
tf.env().set('IS_TEST', true);
