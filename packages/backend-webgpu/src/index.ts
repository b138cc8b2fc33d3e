export { type Device, type DeviceOptions, type DeviceReport, devices, useDevice } from './device.js';
export type { Measurement } from './measure.js';
export { register } from './register.js';
