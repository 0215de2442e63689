import assert from 'node:assert/strict';
import { mappedRecords } from '../../../adapters/nacos/mapped-records.js';

describe('the records behind a Dubbo service in Nacos', () => {
  const read = (text: string | Error | undefined) => {
    const asked: string[] = [];
    const records = mappedRecords({
      interfaceName: 'lab.api.Greet',
      service: undefined,
      config: async (dataId, group) => {
        assert.deepEqual([dataId, group], ['lab.api.Greet', 'mapping']);
        if (text instanceof Error) throw text;
        return text;
      },
      ask: async (application) => {
        asked.push(application);
        return [{ ip: '10.0.0.1', port: 1, metadata: { token: 'geheim' } }, 'garbage'];
      },
    });
    return records.then((found) => ({ asked, found }));
  };

  it('are the mapping and the instances of the applications in it, without what is secret', async () => {
    const { asked, found } = await read('shop,old-shop');
    assert.deepEqual(asked, ['old-shop', 'shop']);
    assert.deepEqual(
      found.map(({ id }) => id),
      ['mapping/lab.api.Greet', 'old-shop 10.0.0.1:1@DEFAULT', 'old-shop ', 'shop 10.0.0.1:1@DEFAULT', 'shop '],
    );
    assert.doesNotMatch(JSON.stringify(found), /geheim/);
  });

  it('are bounded, and say what cannot be read', async () => {
    const many = await read(Array.from({ length: 100 }, (_, index) => `app${index}`).join());
    assert.equal(many.asked.length, 20);
    assert.deepEqual((await read(undefined)).found, []);
    assert.deepEqual((await read('x,'.repeat(20_000))).asked, []);
    const refused = await read(new Error('no right'));
    assert.deepEqual(refused.found, [{ id: 'mapping/lab.api.Greet', text: 'it cannot be read: no right' }]);
  });
});
