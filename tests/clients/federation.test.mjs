// Two PouchDBs, each in a live sync with one of two nodes that are federated: all four end equal, whatever is killed.
import assert from 'node:assert/strict';
import {before, describe, test} from 'node:test';
import {pouchdb} from './packages.mjs';
import {ask, federate, fresh_name, node, reference, temporary_folder, until} from './stage.mjs';
import {all_equal, leaves} from './equality.mjs';

const PouchDB = pouchdb();

/// A PouchDB in a live sync, which tells of no error that `retry` should have healed.
function live(local, url, faults) {
  return local.sync(url, {live: true, retry: true, back_off_function: () => 200})
    .on('error', fault => faults.push(fault))
    .on('denied', denied => faults.push(denied));
}

async function scene(adapter) {
  const folder = temporary_folder();
  const [a, b] = [await node('a'), await node('b')];
  await federate(a, b);
  const name = fresh_name();
  await ask(`${a.url}/${name}`, 'PUT');
  await until(async () => (await ask(`${b.url}/${name}`)).status === 200, 'the database on the second node');
  const local = () => new PouchDB(adapter === 'memory' ? fresh_name() : `${folder}/${fresh_name()}`, {adapter});
  const faults = [];
  const [one, two] = [local(), local()];
  const remotes = [a, b].map(server => new PouchDB(`${server.url}/${name}`, {skip_setup: true}));
  const syncs = [live(one, remotes[0], faults), live(two, remotes[1], faults)];
  return {a, b, name, one, two, remotes, faults, all: [one, two, ...remotes], end: () => syncs.forEach(sync => sync.cancel())};
}

async function write_on_both({one, two}, round) {
  await Promise.all([one, two].map((db, i) => db.bulkDocs(Array.from({length: 30}, (_, n) => ({_id: `${round}-${i}-${n}`, n, round})))));
}

/// Edits the same document on both sides before either has seen the other's edit.
async function conflict({one, two, all}, id) {
  await one.put({_id: id, n: 0});
  const {_rev} = await until(() => two.get(id), `${id} on the other side`);
  await Promise.all([one.put({_id: id, _rev, by: 'one'}), two.put({_id: id, _rev, by: 'two'})]);
  await until(async () => (await Promise.all(all.map(db => leaves(db, id)))).every(list => list.length === 2), `both edits of ${id} everywhere`);
}

for (const adapter of ['memory', 'leveldb']) {
  describe(`federation, with PouchDB's ${adapter} adapter`, {skip: reference && 'needs nodes'}, () => {
    let stage;
    before(async () => {
      stage = await scene(adapter);
    });

    test('what one client writes, the other reads', async () => {
      await write_on_both(stage, 'first');
      await all_equal(stage.all);
      assert.equal((await stage.two.info()).doc_count, 60);
    });
    test('a conflict is readable on all four, and its resolution reaches all', async () => {
      await conflict(stage, 'shared');
      const docs = await Promise.all(stage.all.map(db => db.get('shared', {conflicts: true})));
      for (const doc of docs) assert.deepEqual(doc, docs[0]);
      const bodies = await Promise.all(stage.all.map(db => db.get('shared', {rev: docs[0]._conflicts[0]})));
      assert.deepEqual(new Set([docs[0].by, ...bodies.map(doc => doc.by)]), new Set(['one', 'two']));
      await stage.two.remove('shared', docs[0]._conflicts[0]);
      await until(async () => (await stage.one.get('shared', {conflicts: true}))._conflicts === undefined, 'the resolution');
      await all_equal(stage.all);
    });
    test('a removal reaches all', async () => {
      await stage.one.remove(await stage.one.get('first-1-3'));
      await until(() => stage.two.get('first-1-3').then(() => false, gone => gone.reason === 'deleted'), 'the removal');
      await all_equal(stage.all);
    });
    test('one node is killed while both clients write, and started again', async () => {
      await stage.a.kill();
      await write_on_both(stage, 'without a');
      await until(() => stage.remotes[1].get('without a-1-29'), 'the other client to go on');
      await stage.a.start();
      await write_on_both(stage, 'with a');
      await all_equal(stage.all);
      assert.equal((await stage.one.get('without a-1-7')).round, 'without a');
    });
    test('edits of both sides while they are apart end as conflicts, the same on all', async () => {
      await stage.b.kill();
      const {_rev} = await stage.one.get('first-0-0');
      await stage.one.put({_id: 'first-0-0', _rev, by: 'one'});
      await stage.two.put({_id: 'first-0-0', _rev, by: 'two'});
      await stage.b.start();
      await until(async () => (await Promise.all(stage.all.map(db => leaves(db, 'first-0-0')))).every(list => list.length === 2), 'both edits');
      await all_equal(stage.all);
      assert.deepEqual(stage.faults, []);
      stage.end();
    });
  });
}
