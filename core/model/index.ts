export * from './address.js';
export * from './equality.js';
export * from './is-record.js';
export * from './metadata.js';
export * from './printable.js';
export * from './protocol.js';
export * from './service.js';
export * from './service-port.js';
