import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ConsulError } from '../../../adapters/consul/consul-error.js';
import { recordsOf } from '../../../adapters/consul/records.js';
import { aCheck, aRow } from './rows.js';

describe('adapters/consul: records', () => {
  it('are the rows as Consul has them, with their index, and what they were published as', () => {
    const rows = [aRow({ checks: [aCheck('passing')] }), aRow({ service: { ID: 'web-2', ModifyIndex: 99 } })];
    const [first, second] = recordsOf(rows, new Set(['host-1/web-1']));
    assert.deepEqual([first?.id, first?.instance, first?.revision], ['host-1/web-1', 'host-1/web-1', '17']);
    assert.deepEqual([second?.id, second?.instance, second?.revision], ['host-1/web-2', undefined, '99']);
    const row = JSON.parse(first?.text ?? '') as { Service: { Port: number }; Checks: { Status: string }[] };
    assert.equal(row.Service.Port, 8080);
    assert.equal(row.Checks[1]?.Status, 'passing');
  });

  it('hold nothing that may be a credential', () => {
    const row = aRow({
      service: { Meta: { db_password: 'hush', version: '2' }, Proxy: { Config: { header: 'hush' } } },
      checks: [{ ...aCheck('passing'), Output: 'GET http://user:hush@db/', Definition: { Header: ['hush'] } }],
    });
    const [record] = recordsOf([row], new Set());
    assert.ok(!record?.text.includes('hush'), record?.text);
    assert.match(record?.text ?? '', /"db_password":"\[secret\]","version":"2"/);
  });

  it('are bounded, of one line and with nothing hidden in them', () => {
    const long = aRow({ service: { Tags: ['x'.repeat(100_000)], Meta: { a: 'b\n\u001b[31m\u202e' } } });
    const [record] = recordsOf([long], new Set());
    assert.equal(record?.text.length, 4096);
    const [odd] = recordsOf([aRow({ node: { Node: 'b\n\u202e' }, service: { Meta: { a: '\n\u202e' } } })], new Set());
    for (const text of [odd?.id, odd?.text]) assert.doesNotMatch(text ?? '', /[\n\u202e]/);
    let deep: unknown = 'end';
    for (let depth = 0; depth < 10_000; depth++) deep = { deep };
    assert.ok(recordsOf([{ Node: deep }], new Set())[0]?.text.includes('…'));
    assert.equal(recordsOf(Array(2000).fill(aRow()), new Set()).length, 1000);
  });

  it('are made of anything', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        try {
          for (const { text } of recordsOf(body, new Set())) assert.ok(text.length <= 4096);
        } catch (error) {
          assert.ok(error instanceof ConsulError);
        }
      }),
    );
  });
});
