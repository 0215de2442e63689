import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'mocha';
import { ConsumerBook } from '../../../adapters/nacos/consumer-book.js';
import { type Consumer, emptyMetadata } from '../../../core/plugin/index.js';

describe('adapters/nacos consumer book', () => {
  let told: string[];
  let book: ConsumerBook;
  const consumer = (application: string, address: string): Consumer => ({
    id: `${application}@${address}`,
    application,
    address,
    metadata: emptyMetadata,
  });

  beforeEach(() => {
    told = [];
    book = new ConsumerBook((service, consumers) => told.push(`${service}: ${consumers.map(({ id }) => id).join()}`));
  });

  it('joins who registered and who subscribed, and takes one that did both once', () => {
    book.set('a', 'subscribed', [consumer('', '10.0.0.1'), consumer('', '10.0.0.2')]);
    book.set('a', 'registered', [consumer('shop', '10.0.0.1')]);
    book.set('a', 'subscribed', []);
    book.set('a', 'registered', []);
    assert.deepEqual(told, ['a: @10.0.0.1,@10.0.0.2', 'a: shop@10.0.0.1,@10.0.0.2', 'a: shop@10.0.0.1', 'a: ']);
  });

  it('tells that nobody consumes the services of a namespace that is gone, and knows them no more', () => {
    book.set('gray@@G@@orders', 'subscribed', [consumer('', '10.0.0.1')]);
    book.set('gray@@G@@stock', 'registered', [consumer('shop', '10.0.0.1')]);
    book.set('gray2@@G@@orders', 'subscribed', [consumer('', '10.0.0.1')]);
    told = [];
    book.forget('gray');
    book.forget('gray');
    assert.deepEqual(told, ['gray@@G@@orders: ', 'gray@@G@@stock: ']);
    book.set('gray@@G@@orders', 'subscribed', [consumer('', '10.0.0.1')]);
    assert.equal(told.at(-1), 'gray@@G@@orders: @10.0.0.1');
  });

  it('tells nothing that is known', () => {
    book.set('a', 'subscribed', []);
    book.set('a', 'registered', [consumer('shop', '10.0.0.1')]);
    book.set('a', 'registered', [consumer('shop', '10.0.0.1')]);
    assert.deepEqual(told, ['a: shop@10.0.0.1']);
  });
});
