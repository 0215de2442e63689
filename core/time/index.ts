export * from './backoff.js';
export * from './clock.js';
export * from './deferred.js';
export * from './linked-signal.js';
