import { checkAddress, checkPort } from '../core/model/address.js';
import {
  type Instance,
  isProtocol,
  type Metadata,
  metadataLimits,
  type Port,
  type Service,
} from '../core/model/index.js';

const dnsLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const healths: ReadonlySet<string> = new Set(['healthy', 'unhealthy', 'draining', 'unknown']);
const maxWeight = 1_000_000;
const maxNameLength = 1024;

/**
 * Whatever in `service` breaks the rules of core/model, in words, each with the place it was found at; an empty list for
 * a sound service. What a registry holds may be anything: a record that cannot be made sound is left out of `instances`
 * and named in `rejected`.
 */
export function serviceProblems(service: Service): string[] {
  const problems: string[] = [];
  const report = (where: string, what: string) => problems.push(`service ${quote(service.name)}${where}: ${what}`);
  if (typeof service.name !== 'string' || service.name === '') report('', 'the name is empty');
  else if (service.name.length > maxNameLength) report('', `the name is longer than ${maxNameLength} characters`);
  checkPorts(service.ports, report);
  checkMetadata(service.metadata, 'metadata', report);
  checkMetadata(service.attributes, 'attributes', report);
  const portNames = new Set(service.ports.map((port) => port.name));
  const ids = new Set<string>();
  for (const instance of service.instances) {
    if (ids.has(instance.id)) report(`, instance ${quote(instance.id)}`, 'the id is not unique in the service');
    ids.add(instance.id);
    checkInstance(instance, portNames, report);
  }
  for (const rejection of service.rejected ?? []) checkRejection(rejection.record, rejection.reason, report);
  return problems;
}

/**
 * Throws when a service breaks the rules of core/model.
 * @throws Error that lists every problem.
 */
export function assertService(service: Service): void {
  const problems = serviceProblems(service);
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

type Report = (where: string, what: string) => void;

function checkPorts(ports: readonly Port[], report: Report): void {
  const names = new Set<string>();
  const numbers = new Set<number>();
  for (const port of ports) {
    const where = `, port ${quote(port.name)}`;
    if (!dnsLabel.test(port.name)) report(where, 'the name is no DNS label (RFC 1123, lower case)');
    if (!checkPort(port.number).ok) report(where, `the number ${port.number} is not from 1 to 65535`);
    if (!isProtocol(port.protocol)) report(where, `unknown protocol ${quote(port.protocol)}`);
    if (names.has(port.name)) report(where, 'the name is not unique in the service');
    if (numbers.has(port.number)) report(where, `the number ${port.number} is not unique in the service`);
    names.add(port.name);
    numbers.add(port.number);
  }
}

function checkInstance(instance: Instance, portNames: ReadonlySet<string>, report: Report): void {
  const where = `, instance ${quote(instance.id)}`;
  if (typeof instance.id !== 'string' || instance.id === '') report(where, 'the id is empty');
  const address = checkAddress(instance.address);
  if (!address.ok) report(where, `${address.reason} (${quote(instance.address)})`);
  else if (address.address !== instance.address) {
    report(where, `the address ${quote(instance.address)} is not in its one form, ${quote(address.address)}`);
  }
  const ports = Object.entries(instance.ports);
  if (ports.length === 0) report(where, 'it listens on no port');
  for (const [name, number] of ports) {
    if (!portNames.has(name)) report(where, `the service has no port ${quote(name)}`);
    if (!checkPort(number).ok) report(where, `port ${quote(name)} is ${number}, not from 1 to 65535`);
  }
  if (!healths.has(instance.health)) report(where, `unknown health ${quote(instance.health)}`);
  if (!Number.isInteger(instance.weight) || instance.weight < 0 || instance.weight > maxWeight) {
    report(where, `the weight ${instance.weight} is no whole number from 0 to ${maxWeight}`);
  }
  if (instance.locality) checkLocality(instance.locality, where, report);
  if (instance.network !== undefined && (typeof instance.network !== 'string' || instance.network === '')) {
    report(where, 'the network is empty; leave it out instead');
  }
  checkMetadata(instance.metadata, `metadata of instance ${quote(instance.id)}`, report);
}

function checkLocality(locality: NonNullable<Instance['locality']>, where: string, report: Report): void {
  for (const part of ['region', 'zone', 'subzone'] as const) {
    if (typeof locality[part] !== 'string') report(where, `locality.${part} is no string`);
    else if (locality[part].includes('/')) report(where, `locality.${part} contains a slash`);
  }
}

function checkMetadata(metadata: Metadata, what: string, report: Report): void {
  const entries = Object.entries(metadata);
  if (entries.length > metadataLimits.entries) report(`, ${what}`, `more than ${metadataLimits.entries} entries`);
  for (const [key, value] of entries) {
    if (typeof value !== 'string') report(`, ${what}`, `the value of ${quote(key)} is no string`);
    else if (value.length > metadataLimits.valueLength) {
      report(`, ${what}`, `the value of ${quote(key)} is longer than ${metadataLimits.valueLength} characters`);
    }
    if (key === '' || key.length > metadataLimits.keyLength) report(`, ${what}`, `bad key ${quote(key)}`);
  }
}

function checkRejection(record: string, reason: string, report: Report): void {
  if (reason === '') report(', rejected', `no reason is given for ${quote(record)}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(record + reason)) report(', rejected', 'control characters are not escaped');
  if (record.length > 256) report(', rejected', 'the record is not shortened');
}

function quote(text: unknown): string {
  const json = JSON.stringify(text) ?? 'undefined';
  return json.length > 80 ? `${json.slice(0, 77)}…"` : json;
}
