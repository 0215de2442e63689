import assert from 'node:assert/strict';
import { differences, type Endpoints, endpointsOf } from './entry.js';
import { Ledger } from './ledger.js';

const host = 'orders.consul';
const target = '10.0.0.1:80';

function published(targets: Readonly<Record<string, number>>): Endpoints {
  return new Map([[host, new Map(Object.entries(targets))]]);
}

const there = published({ [target]: 100 });
const nothing = published({});

describe('the ledger of the fault runs', () => {
  let ledger: Ledger;
  const found = () => ledger.violations.map(({ invariant, what }) => `${invariant} ${what}`);
  const want = (weight = 100, wanted = true) => ledger.issue('consul', host, target, weight, wanted);

  beforeEach(() => {
    ledger = new Ledger();
    want();
    ledger.observe(there, 10);
  });

  it('I2: finds an instance missing that was published and never deregistered, once for each loss', () => {
    ledger.observe(nothing, 20);
    ledger.observe(nothing, 21);
    assert.deepEqual(found(), [`I2 ${host} ${target} is missing though it stands in the registry`]);
    ledger.observe(there, 30);
    ledger.observe(new Map(), 40);
    assert.equal(found().length, 2);
  });

  it('I2: expects nothing of one that was never published yet', () => {
    ledger.issue('consul', host, '10.0.0.2:80', 100, true);
    ledger.observe(there, 20);
    assert.deepEqual(found(), []);
  });

  it('I2: lets go what its clients took away from the moment they began', () => {
    want(100, false);
    ledger.observe(nothing, 20);
    assert.deepEqual(found(), []);
  });

  it('I2: expects the removal of one that its clients took away and registered again before it was seen', () => {
    want(100, false);
    want(200);
    ledger.observe(there, 20);
    ledger.observe(nothing, 30);
    assert.deepEqual(found(), []);
    ledger.observe(published({ [target]: 200 }), 40);
    ledger.observe(nothing, 50);
    assert.equal(found().length, 1);
  });

  it('I2: wants what the registry lost to be held until the end of the hold', () => {
    ledger.lose([`${host} ${target}`], 1000, 0);
    ledger.observe(nothing, 900);
    assert.match(found().join(), /I2 .* is gone 100 ms before the end of its hold/);
    ledger.observe(there, 950);
    ledger.observe(nothing, 1001);
    assert.equal(found().length, 1);
  });

  it('I2: takes what the registry lost for lost until a change of it has reached the registry', () => {
    ledger.lose([`${host} ${target}`], 15, 0);
    want(200);
    ledger.observe(nothing, 20);
    assert.deepEqual(found(), []);
    ledger.confirm(host, target, 25, false, false);
    ledger.observe(published({ [target]: 200 }), 30);
    ledger.observe(nothing, 40);
    assert.equal(found().length, 1);
  });

  it('I2: takes a loss after the registry has regained everything for another one', () => {
    ledger.lose([`${host} ${target}`], 15, 0);
    ledger.regained('consul');
    ledger.observe(nothing, 20);
    assert.equal(found().length, 1);
  });

  it('I2: lets as much of a loss go before the hold as no guard holds', () => {
    const other = '10.0.0.2:80';
    ledger.issue('consul', host, other, 100, true);
    ledger.observe(published({ [target]: 100, [other]: 100 }), 20);
    ledger.lose([`${host} ${target}`, `${host} ${other}`], 1000, 1);
    ledger.observe(there, 30);
    assert.deepEqual(found(), []);
    ledger.observe(nothing, 40);
    assert.match(found().join(), /10.0.0.1:80 is gone 960 ms before the end of its hold/);
  });

  it('I3: finds one that comes back though it was deregistered', () => {
    want(100, false);
    ledger.observe(nothing, 20);
    ledger.observe(there, 30);
    assert.deepEqual(found(), [`I3 ${host} ${target} has come back though it was deregistered`]);
  });

  it('I3: takes one that is published late, once, for no coming back', () => {
    want(200, false);
    ledger.observe(nothing, 20);
    want(300);
    want(400, false);
    ledger.observe(nothing, 30);
    ledger.observe(published({ [target]: 300 }), 40);
    ledger.observe(nothing, 50);
    assert.deepEqual(found(), []);
    ledger.observe(published({ [target]: 300 }), 60);
    assert.equal(found().length, 1);
  });

  it('I3: takes one that is published later than anything may take for one that comes back', () => {
    want(200, false);
    ledger.observe(nothing, 20);
    want(300);
    want(400, false);
    ledger.observe(nothing, 30);
    ledger.observe(nothing, 15_030);
    ledger.observe(published({ [target]: 300 }), 15_040);
    assert.equal(found().length, 1);
  });

  it('I3: takes one for back that its clients registered again, or that the registry was set back to', () => {
    want(100, false);
    ledger.observe(nothing, 20);
    want(200);
    ledger.observe(published({ [target]: 200 }), 30);
    want(200, false);
    ledger.observe(nothing, 40);
    ledger.setBack('consul', new Set([`${host} ${target}`]));
    ledger.observe(published({ [target]: 100 }), 50);
    assert.deepEqual(found(), []);
  });

  it('I3: times a removal on a healthy path, and finds one that takes too long', () => {
    want(100, false);
    ledger.confirm(host, target, 100, true, true);
    ledger.observe(nothing, 250);
    assert.deepEqual(ledger.latencies, [{ registry: 'consul', change: 'removal', ms: 150, besideFault: true }]);
    want(200);
    ledger.observe(published({ [target]: 200 }), 300);
    want(200, false);
    ledger.confirm(host, target, 400, true, false);
    ledger.sweep(15_399);
    assert.deepEqual(found(), []);
    ledger.sweep(15_400);
    assert.match(found().join(), /I3 .* is not gone 15000 ms after its change/);
    assert.equal(ledger.pending, 0);
  });

  it('I3: times nothing on a path with a fault, or on which one begins', () => {
    want(100, false);
    ledger.confirm(host, target, 100, false, false);
    assert.equal(ledger.pending, 0);
    ledger.confirm(host, target, 100, true, false);
    ledger.faultBegins('eureka');
    assert.equal(ledger.pending, 1);
    ledger.faultBegins('consul');
    assert.equal(ledger.pending, 0);
  });

  it('I4: finds an older state after a newer one, but for a registry that was set back', () => {
    want(200);
    ledger.observe(published({ [target]: 200 }), 20);
    ledger.observe(there, 30);
    assert.deepEqual(found(), [`I4 ${host} ${target} went back from weight 200 to 100`]);
    ledger.observe(published({ [target]: 200 }), 40);
    ledger.setBack('consul', new Set([`${host} ${target}`]));
    ledger.observe(there, 50);
    assert.equal(found().length, 1);
  });
});

describe('the oracle of the fault runs', () => {
  const entry = { service: 'orders', address: '10.0.0.1', port: 80, generation: 2, serving: true };
  const hostOf = (service: string) => `${service}.consul`;

  it('expects what may be called, with its weight', () => {
    const oracle = endpointsOf([entry, { ...entry, address: '10.0.0.2', serving: false }], hostOf);
    assert.deepEqual(oracle, published({ [target]: 200 }));
  });

  it('tells what is missing, surplus or of another weight, and looks at no foreign host', () => {
    const oracle = endpointsOf([entry, { ...entry, address: '10.0.0.2' }], hostOf);
    const seen = new Map([...published({ [target]: 100, '10.0.0.3:80': 100 }), ['foreign', new Map([['x', 1]])]]);
    assert.deepEqual(
      differences(oracle, seen, (name) => name === host),
      [`${host} ${target} has weight 100, not 200`, `${host} lacks 10.0.0.2:80`, `${host} has 10.0.0.3:80 still`],
    );
    assert.deepEqual(
      differences(new Map(), nothing, () => true),
      [],
    );
  });
});
