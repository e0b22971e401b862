// PouchDB replicates with a node: both local adapters, both directions, once and live.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import {connect, createServer} from 'node:net';
import {before, describe, test} from 'node:test';
import {graft, refusal, rev, revision} from './behaviours.mjs';
import {all_equal, content} from './equality.mjs';
import {pouchdb} from './packages.mjs';
import {ask, at_end, database, fresh_name, node, patience, reference, temporary_folder, until, within} from './stage.mjs';

const PouchDB = pouchdb();

const tree = db => db.bulkDocs([
  revision('conflict', [rev(1, 'a')], {n: 1}), revision('conflict', [rev(1, 'b')], {n: 2}),
  revision('longer', [rev(3, 'c'), rev(2, 'b'), rev(1, 'a')], {n: 3}), revision('longer', [rev(2, 'd'), rev(1, 'a')], {n: 4}),
  revision('gone', [rev(2, 'e'), rev(1, 'a')], {_deleted: true}),
  revision('resolved', [rev(2, 'f'), rev(1, 'a')], {_deleted: true}), revision('resolved', [rev(1, 'b')], {n: 5}),
], {new_edits: false});

/// Forwards to a port of loopback, and breaks some of the connections after so many bytes of requests and answers.
/// Which ones is random: a pattern would break the same request of a client's each time.
async function breaking_proxy(port, bytes) {
  const proxy = createServer(client => {
    const target = connect(port, '127.0.0.1');
    let left = Math.random() < 0.3 ? bytes : Infinity;
    const pass = to => piece => {
      left -= piece.length;
      if (left > 0) return to.write(piece);
      proxy.broken += client.destroyed ? 0 : 1;
      client.destroy();
      return target.destroy();
    };
    client.on('data', pass(target)).on('error', () => {}).on('close', () => target.destroy());
    target.on('data', pass(client)).on('error', () => {}).on('close', () => client.destroy());
  });
  proxy.broken = 0;
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  at_end(() => proxy.close());
  return proxy;
}

for (const adapter of ['memory', 'leveldb']) {
  describe(`replication with PouchDB's ${adapter} adapter`, {concurrency: 4}, () => {
    let server;
    const folder = temporary_folder();
    const local = () => new PouchDB(adapter === 'memory' ? fresh_name() : `${folder}/${fresh_name()}`, {adapter});
    const remote = async () => new PouchDB(await database(server));
    before(async () => {
      server = await node();
    });

    test('a push brings all documents, with their revisions', async () => {
      const [here, there] = [local(), await remote()];
      await here.bulkDocs(Array.from({length: 250}, (_, i) => ({_id: `d${i}`, i})));
      const result = await here.replicate.to(there);
      assert.deepEqual([result.ok, result.docs_written, result.doc_write_failures], [true, 250, 0]);
      assert.deepEqual(await content(there), await content(here));
      assert.equal((await there.get('d77')).i, 77);
    });
    test('a pull brings all documents, with their revisions', async () => {
      const [here, there] = [local(), await remote()];
      await there.bulkDocs(Array.from({length: 250}, (_, i) => ({_id: `d${i}`, i})));
      const result = await here.replicate.from(there);
      assert.deepEqual([result.ok, result.docs_written], [true, 250]);
      assert.deepEqual(await content(here), await content(there));
    });
    test('a second replication has nothing to do, and reads only what is new', async () => {
      const [here, there] = [local(), await remote()];
      await there.bulkDocs(Array.from({length: 20}, (_, i) => ({_id: `d${i}`})));
      await here.replicate.from(there);
      assert.equal((await here.replicate.from(there)).docs_read, 0);
      await there.put({_id: 'new'});
      assert.equal((await here.replicate.from(there)).docs_read, 1);
      await here.put({_id: 'mine'});
      assert.equal((await here.replicate.to(there)).docs_written, 1);
      assert.equal((await here.replicate.to(there)).docs_read, 0);
    });
    test('trees of revisions, conflicts and tombstones travel both ways', async () => {
      const [here, there, other] = [local(), await remote(), local()];
      await tree(here);
      await here.replicate.to(there);
      await other.replicate.from(there);
      assert.deepEqual(await content(there), await content(here));
      assert.deepEqual(await content(other), await content(here));
      const {_conflicts} = await there.get('conflict', {conflicts: true});
      assert.deepEqual(_conflicts, [rev(1, 'a')]);
      assert.equal((await there.get('conflict', {rev: rev(1, 'a')})).n, 1);
      assert.deepEqual((await other.get('longer', {revs: true}))._revisions.ids.map(id => id[0]), ['c', 'b', 'a']);
    });
    test('the same edit on both sides is no conflict, different edits are', async () => {
      const [here, there] = [local(), await remote()];
      await here.put({_id: 'a', n: 1});
      await here.sync(there);
      const {_rev} = await here.get('a');
      await here.put({_id: 'a', _rev, n: 2});
      await there.put({_id: 'a', _rev, n: 3});
      await here.sync(there);
      const [mine, its] = [await here.get('a', {conflicts: true}), await there.get('a', {conflicts: true})];
      assert.deepEqual(mine, its);
      assert.equal(mine._conflicts.length, 1);
    });
    test('only what a selector, ids or a filter choose', async () => {
      const there = await remote();
      await there.bulkDocs(Array.from({length: 30}, (_, i) => ({_id: `d${i}`, i})));
      const ids = async options => {
        const here = local();
        await here.replicate.from(there, options);
        return (await here.allDocs()).rows.map(row => row.id).toSorted();
      };
      assert.deepEqual(await ids({doc_ids: ['d3', 'd20']}), ['d20', 'd3']);
      assert.deepEqual(await ids({filter: doc => doc.i > 27}), ['d28', 'd29']);
      if (!reference) assert.deepEqual(await ids({selector: {i: {$lt: 2}}}), ['d0', 'd1']);
    });
    test('small batches arrive whole', async () => {
      const [here, there] = [local(), await remote()];
      await there.bulkDocs(Array.from({length: 55}, (_, i) => ({_id: `d${i}`})));
      const result = await here.replicate.from(there, {batch_size: 10, batches_limit: 2});
      assert.equal(result.docs_written, 55);
    });
    test('a live sync brings what either side writes', async () => {
      const [here, there] = [local(), await remote()];
      const sync = here.sync(there, {live: true, retry: true});
      const fault = new Promise((_, fail) => sync.on('error', fail).on('denied', denied => fail(new Error(JSON.stringify(denied)))));
      const work = (async () => {
        await here.put({_id: 'mine', n: 1});
        await there.put({_id: 'its', n: 2});
        await until(() => there.get('mine'), 'a push');
        await until(() => here.get('its'), 'a pull');
        await there.remove(await there.get('mine'));
        await until(() => here.get('mine').then(() => false, gone => gone.reason === 'deleted'), 'a removal');
      })();
      await Promise.race([work, fault]);
      const complete = new Promise(done => sync.on('complete', done));
      sync.cancel();
      await within(complete, 'the sync to end');
      assert.deepEqual(await content(here), await content(there));
    });
    test('a database that was dropped and made again is filled again', async () => {
      const here = local();
      const url = await database(server);
      await here.bulkDocs(Array.from({length: 12}, (_, i) => ({_id: `d${i}`})));
      await here.replicate.to(url);
      await ask(url, 'DELETE');
      await ask(url, 'PUT');
      await here.replicate.to(url);
      assert.equal((await ask(url)).body.doc_count, 12);
      // And what follows its sequences begins anew.
      const other = local();
      await other.replicate.from(url);
      await ask(url, 'DELETE');
      await ask(url, 'PUT');
      await new PouchDB(url).bulkDocs([{_id: 'x'}, {_id: 'y'}]);
      await other.replicate.from(url);
      assert.equal((await other.info()).doc_count, 14);
    });
    test('a replication from a database that is not there fails', async () => {
      const fault = await refusal(local().replicate.from(new PouchDB(`${server.url}/${fresh_name()}`, {skip_setup: true})));
      assert.equal(fault.status, 404);
    });
  });
}

test('over connections that break again and again, everything arrives', async () => {
  const server = await node();
  const url = new URL(await database(server));
  const proxy = await breaking_proxy(Number(url.port), 5000);
  const [here, other] = [new PouchDB(fresh_name(), {adapter: 'memory'}), new PouchDB(fresh_name(), {adapter: 'memory'})];
  await here.bulkDocs(Array.from({length: 200}, (_, i) => ({_id: `d${i}`, text: 'x'.repeat(3 * i)})));
  await tree(here);
  const through = `http://127.0.0.1:${proxy.address().port}${url.pathname}`;
  const syncs = [here, other].map(db => db.sync(through, {live: true, retry: true, batch_size: 50, back_off_function: () => 50}));
  await all_equal([here, other, new PouchDB(url.href)], 3 * patience);
  syncs.forEach(sync => sync.cancel());
  assert.ok(proxy.broken > 3);
});

test('a document that only its replica makes arrives once, whatever the order of its revisions', async () => {
  const server = await node();
  const there = new PouchDB(await database(server));
  const chain = Array.from({length: 40}, (_, i) => `${i + 1}-${String(i).padStart(32, '0')}`).reverse();
  for (const start of [20, 35, 0, 39]) await graft(there, revision('a', chain.slice(start), {n: 40 - start}));
  const doc = await there.get('a', {conflicts: true, revs: true});
  assert.deepEqual([doc._rev, doc._conflicts, doc._revisions.ids.length], [chain[0], undefined, 40]);
});
