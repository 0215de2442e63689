import type { Fault } from '../plan/fault.js';
import { daemonFaults, rareDaemonFaults } from './daemon.js';
import { httpFaults } from './http.js';
import { massFaults } from './mass.js';
import { networkFaults } from './network.js';
import { serverFaults } from './servers.js';

/** Every row of the matrix. */
export const matrix: readonly Fault[] = [
  ...networkFaults,
  ...httpFaults,
  ...serverFaults,
  ...massFaults,
  ...daemonFaults,
];

/** @throws Error when there is no such fault */
export function faultOf(id: string): Fault {
  const fault = [...matrix, ...rareDaemonFaults].find((row) => row.id === id);
  if (!fault) throw new Error(`no fault "${id}"; there are ${matrix.map((row) => row.id).join(', ')}`);
  return fault;
}
