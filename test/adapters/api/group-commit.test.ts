import assert from 'node:assert/strict';
import { GroupCommit } from '../../../adapters/api/group-commit.js';

/** Writes that end when the test says so. */
class Disk {
  state = 0;
  readonly written: number[] = [];
  readonly #pending: { resolve: () => void; reject: (error: Error) => void }[] = [];

  readonly write = async (): Promise<void> => {
    const { state } = this;
    await new Promise<void>((resolve, reject) => this.#pending.push({ resolve, reject }));
    this.written.push(state);
  };

  get pending(): number {
    return this.#pending.length;
  }

  end(error?: Error): void {
    const write = this.#pending.shift();
    if (error) write?.reject(error);
    else write?.resolve();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('adapters/api: group commit', () => {
  it('takes what comes in one turn of the event loop into one write', async () => {
    const disk = new Disk();
    const commits = new GroupCommit(disk.write);
    const all = [1, 2, 3].map((state) => {
      disk.state = state;
      return commits.commit();
    });
    await turn();
    assert.equal(disk.pending, 1);
    disk.end();
    await Promise.all(all);
    assert.deepEqual(disk.written, [3]);
  });

  it('answers what comes during a write by the next one, which is one for all', async () => {
    const disk = new Disk();
    const commits = new GroupCommit(disk.write);
    disk.state = 1;
    const first = commits.commit();
    await turn();
    const later: Promise<void>[] = [];
    for (const state of [2, 3, 4]) {
      disk.state = state;
      later.push(commits.commit());
      await turn();
    }
    assert.equal(disk.pending, 1, 'one write at a time');
    disk.end();
    await first;
    assert.deepEqual(disk.written, [1]);
    await turn();
    disk.end();
    await Promise.all(later);
    assert.deepEqual(disk.written, [1, 4]);
    await commits.idle();
  });

  it('tells those of a write that failed, and not those of the next', async () => {
    const disk = new Disk();
    const commits = new GroupCommit(disk.write);
    const first = commits.commit();
    const firstFails = assert.rejects(first, /no space/);
    await turn();
    const second = commits.commit();
    disk.end(new Error('no space'));
    await firstFails;
    await turn();
    disk.end();
    await second;
    await commits.idle();
  });
});
