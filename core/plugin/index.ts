export { matchesGlob } from '../catalog/glob.js';
export * from '../config/config-error.js';
export * from '../config/fields.js';
export * from '../config/secret.js';
export * from '../model/index.js';
export * from '../source/source.js';
export * from '../time/index.js';
export * from './http.js';
export * from './plugin.js';
