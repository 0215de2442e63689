import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { withEarlierInstances } from '../../../adapters/zookeeper/earlier-instances.js';
import type { Unit } from '../../../adapters/zookeeper/unit.js';
import type { Service } from '../../../core/plugin/index.js';
import { anInstance, aService } from '../../support/model.js';

const attributes = { interface: 'lab.api.Greet', application: '' };
const instance = (id: string, application?: string) =>
  anInstance(id, { metadata: application === undefined ? {} : { application } });
const earlier: Service = { ...aService('s', [instance('a', 'shop'), instance('b', 'old')]), attributes };
const now: Service = { ...aService('s', [instance('b', 'old'), instance('c', 'old')]), attributes };

describe('adapters/zookeeper, a service while something cannot be read', () => {
  const ids = (...unread: Unit[]) => withEarlierInstances(now, earlier, unread).instances.map(({ id }) => id);

  it('keeps instances that may stand in what cannot be read', () => {
    for (const unit of [
      { kind: 'interface', root: 0, name: 'lab.api.Greet' },
      { kind: 'application', name: 'shop' },
      { kind: 'applications' },
      { kind: 'root', root: 0 },
    ] as const) {
      assert.deepEqual(ids(unit), ['b', 'c', 'a'], unit.kind);
    }
  });

  it('is the very one that was read where nothing of it can be there', () => {
    const others: Unit[] = [
      { kind: 'interface', root: 0, name: 'lab.api.Other' },
      { kind: 'application', name: 'basket' },
      { kind: 'rules' },
    ];
    assert.equal(withEarlierInstances(now, earlier, others), now);
    assert.equal(withEarlierInstances(now, earlier, []), now);
  });

  it('counts instances that do not say whose they are as of any application', () => {
    const unnamed = { ...earlier, instances: [instance('a')] };
    const kept = withEarlierInstances(now, unnamed, [{ kind: 'application', name: 'basket' }]);
    assert.equal(kept.instances.length, 3);
  });
});
