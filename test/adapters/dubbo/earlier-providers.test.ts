import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ApplicationTable } from '../../../adapters/dubbo/application-table.js';
import { EarlierProviders } from '../../../adapters/dubbo/earlier-providers.js';
import { parseMetadataReport } from '../../../adapters/dubbo/metadata-info.js';
import { ProviderReader } from '../../../adapters/dubbo/provider.js';
import { defaultServicePorts, serviceFrom } from '../../../adapters/dubbo/service.js';
import { applicationInstance, greet, provider, records } from './make.js';

const unknown = () => undefined;
const id = { version: '', group: '' };
const published = serviceFrom(
  records(provider('10.0.0.1:20880'), provider('10.0.0.2:20880'), provider('10.0.0.9:50051', '', 'tri')),
  defaultServicePorts,
  undefined,
);

function tableAfterRestart(service = published): ApplicationTable {
  const table = new ApplicationTable(new ProviderReader());
  table.earlier = new EarlierProviders([{ interfaceName: greet, id, service }]);
  return table;
}
const instancesOf = (table: ApplicationTable) =>
  table.recordsOf(greet).flatMap(({ providers }) => providers.map(({ instance }) => instance));
const ids = (table: ApplicationTable) => instancesOf(table).map((instance) => instance.id);

describe('what an earlier process published of applications', () => {
  const first = applicationInstance({ address: '10.0.0.1' });
  const second = applicationInstance({ address: '10.0.0.2' });

  it('is provided still by the instances that are registered and whose metadata cannot be had', () => {
    const table = tableAfterRestart();
    const { lacking, touched } = table.update('shop', [first, second], unknown);
    assert.deepEqual([[...lacking], [...touched]], [['r1'], [greet]]);
    assert.deepEqual(ids(table), ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
    assert.equal(instancesOf(table)[0], published.instances[0]);
  });

  it('goes with the instance, also when nothing earlier counts any more', () => {
    const table = tableAfterRestart();
    table.update('shop', [first, second], unknown);
    table.earlier = undefined;
    table.update('shop', [second], unknown);
    assert.deepEqual(ids(table), ['dubbo://10.0.0.2:20880']);
    table.update('shop', [first, second], unknown);
    assert.deepEqual(ids(table), ['dubbo://10.0.0.2:20880'], 'one that comes back is a new one');
    table.remove('shop');
    assert.deepEqual(ids(table), []);
  });

  it('gives way to the metadata when they come', () => {
    const table = tableAfterRestart();
    table.update('shop', [first], unknown);
    const service = { name: 'lab.api.Other', protocol: 'dubbo', port: 20880, path: 'lab.api.Other', params: {} };
    const report = { app: 'shop', revision: 'r1', services: { a: { ...service, group: null, version: null } } };
    const info = parseMetadataReport(JSON.stringify(report), 'shop', 'r1');
    const { lacking, touched } = table.update('shop', [first], () => info);
    assert.equal(lacking.size, 0);
    assert.deepEqual([...touched].sort(), [greet, 'lab.api.Other']);
    assert.deepEqual(ids(table), []);
  });

  it('takes the health that the registry has now', () => {
    const table = tableAfterRestart();
    table.update('shop', [{ ...first, health: 'unhealthy' }], unknown);
    assert.equal(instancesOf(table)[0]?.health, 'unhealthy');
    table.update('shop', [first], unknown);
    assert.equal(instancesOf(table)[0]?.health, 'healthy');
  });

  it('is of the application that it names, or of the one at its port when it names none', () => {
    const other = applicationInstance({ application: 'other', address: '10.0.0.1' });
    const named = tableAfterRestart();
    named.update('other', [other], unknown);
    assert.deepEqual(ids(named), []);
    const instances = published.instances.map((instance) => ({ ...instance, metadata: {} }));
    const unnamed = tableAfterRestart({ ...published, attributes: {}, instances });
    unnamed.update('other', [{ ...other, port: 1, endpoints: { dubbo: 20881 } }], unknown);
    assert.deepEqual(ids(unnamed), []);
    unnamed.update('other', [{ ...other, port: 1, endpoints: { dubbo: 20880 } }], unknown);
    assert.deepEqual(ids(unnamed), ['dubbo://10.0.0.1:20880']);
  });
});
