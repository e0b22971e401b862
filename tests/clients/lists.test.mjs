// allDocs, local documents and changes.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import {behaviours, graft, refusal, rev, revision} from './behaviours.mjs';
import {until, within} from './stage.mjs';

const letters = 'abcdefgh'.split('');
const fill = db => db.bulkDocs(letters.map((_id, n) => ({_id, n})));
const ids = result => result.rows.map(row => row.id);

behaviours('allDocs', {
  'all documents in the order of their ids': async db => {
    await fill(db);
    const all = await db.allDocs();
    assert.deepEqual([all.total_rows, all.offset], [8, 0]);
    assert.deepEqual(ids(all), letters);
    assert.deepEqual(Object.keys(all.rows[0]).toSorted(), ['id', 'key', 'value']);
    assert.match(all.rows[0].value.rev, /^1-/);
  },
  'of nothing': async db => {
    const all = await db.allDocs();
    assert.deepEqual([all.total_rows, all.rows], [0, []]);
  },
  'ranges, both ways': async db => {
    await fill(db);
    assert.deepEqual(ids(await db.allDocs({startkey: 'c'})), ['c', 'd', 'e', 'f', 'g', 'h']);
    assert.deepEqual(ids(await db.allDocs({endkey: 'c'})), ['a', 'b', 'c']);
    assert.deepEqual(ids(await db.allDocs({startkey: 'b', endkey: 'd'})), ['b', 'c', 'd']);
    assert.deepEqual(ids(await db.allDocs({startkey: 'b', endkey: 'd', inclusive_end: false})), ['b', 'c']);
    assert.deepEqual(ids(await db.allDocs({startkey: 'd', endkey: 'b', descending: true})), ['d', 'c', 'b']);
    assert.deepEqual(ids(await db.allDocs({startkey: 'c\uffff', limit: 1})), ['d']);
    assert.deepEqual(ids(await db.allDocs({startkey: 'x'})), []);
  },
  'limit and skip': async db => {
    await fill(db);
    assert.deepEqual(ids(await db.allDocs({limit: 2})), ['a', 'b']);
    assert.deepEqual(ids(await db.allDocs({limit: 2, skip: 3})), ['d', 'e']);
    assert.deepEqual(ids(await db.allDocs({skip: 7})), ['h']);
    assert.deepEqual(ids(await db.allDocs({skip: 20})), []);
    assert.deepEqual(ids(await db.allDocs({limit: 0})), []);
    assert.deepEqual(ids(await db.allDocs({limit: 2, skip: 1, descending: true})), ['g', 'f']);
  },
  'total_rows is that of the database': async db => {
    await fill(db);
    for (const options of [{limit: 1}, {startkey: 'c'}, {key: 'a'}, {keys: ['a', 'b']}, {limit: 0}]) {
      assert.equal((await db.allDocs(options)).total_rows, 8, JSON.stringify(options));
    }
  },
  'one key': async db => {
    await fill(db);
    assert.deepEqual(ids(await db.allDocs({key: 'c'})), ['c']);
    assert.deepEqual(ids(await db.allDocs({key: 'nothing'})), []);
  },
  'keys in their order, with what is missing and what was removed': async db => {
    const rows = await fill(db);
    await db.remove('b', rows[1].rev);
    const all = await db.allDocs({keys: ['c', 'b', 'nothing', 'a', 'c'], include_docs: true});
    assert.deepEqual(all.rows.map(row => row.key), ['c', 'b', 'nothing', 'a', 'c']);
    assert.deepEqual([all.rows[1].value.deleted, all.rows[1].doc], [true, null]);
    assert.deepEqual(all.rows[2], {key: 'nothing', error: 'not_found'});
    assert.equal(all.rows[3].doc.n, 0);
  },
  'keys with limit, skip and descending': async db => {
    await fill(db);
    const keys = ['d', 'b', 'f', 'a'];
    assert.deepEqual(ids(await db.allDocs({keys, limit: 2})), ['d', 'b']);
    assert.deepEqual(ids(await db.allDocs({keys, skip: 1})), ['b', 'f', 'a']);
    assert.deepEqual(ids(await db.allDocs({keys, descending: true})), ['a', 'f', 'b', 'd']);
    assert.deepEqual(ids(await db.allDocs({keys: []})), []);
  },
  'more keys than a URL can hold': async db => {
    const keys = Array.from({length: 1000}, (_, i) => `a fairly long name of a document ${i}`);
    await db.bulkDocs(keys.map(_id => ({_id})));
    assert.deepEqual(ids(await db.allDocs({keys})), keys);
    assert.equal((await db.changes({doc_ids: keys})).results.length, 1000);
  },
  'include_docs with conflicts': async db => {
    await graft(db, revision('a', [rev(1, 'a')]), revision('a', [rev(1, 'b')]));
    const {rows: [row]} = await db.allDocs({include_docs: true, conflicts: true});
    assert.deepEqual([row.doc._rev, row.doc._conflicts], [rev(1, 'b'), [rev(1, 'a')]]);
  },
  'ids that need escapes': async db => {
    const names = ['"quoted"', 'a b', 'x/y', 'ü', '日本'];
    await db.bulkDocs(names.map(_id => ({_id})));
    for (const name of names) {
      assert.deepEqual(ids(await db.allDocs({key: name})), [name]);
      assert.deepEqual(ids(await db.allDocs({startkey: name, endkey: name})), [name]);
    }
  },
  'update_seq where it is asked for': async db => {
    await fill(db);
    assert.notEqual((await db.allDocs({update_seq: true})).update_seq, undefined);
    assert.equal((await db.allDocs()).update_seq, undefined);
  },
});

behaviours('local documents', {
  'are written, read, modified and removed': async db => {
    const first = await db.put({_id: '_local/foo', foo: 'bar'});
    assert.equal(first.id, '_local/foo');
    assert.match(first.rev, /^0-1/);
    assert.deepEqual(await db.get('_local/foo'), {_id: '_local/foo', _rev: first.rev, foo: 'bar'});
    const second = await db.put({_id: '_local/foo', _rev: first.rev, foo: 'baz'});
    assert.match(second.rev, /^0-2/);
    await db.remove('_local/foo', second.rev);
    assert.equal((await refusal(db.get('_local/foo'))).status, 404);
  },
  'a stale revision is a conflict': async db => {
    const first = await db.put({_id: '_local/foo'});
    await db.put({_id: '_local/foo', _rev: first.rev});
    assert.equal((await refusal(db.put({_id: '_local/foo', _rev: first.rev}))).status, 409);
  },
  'a missing one is not found': async db => {
    assert.equal((await refusal(db.get('_local/nothing'))).status, 404);
  },
  'names with slashes and of base64': async db => {
    for (const name of ['a/b', 'aGVsbG8gd29ybGQ==', '.UEn_8_JZAEdNoJ_QRwYTg==', 'x.y']) {
      await db.put({_id: '_local/' + name, name});
      assert.equal((await db.get('_local/' + name)).name, name);
    }
  },
  'are in no list, no count and no feed': async db => {
    await db.put({_id: '_local/foo'});
    await db.put({_id: 'a'});
    assert.deepEqual(ids(await db.allDocs()), ['a']);
    assert.deepEqual((await db.changes()).results.map(row => row.id), ['a']);
    assert.equal((await db.info()).doc_count, 1);
  },
});

behaviours('changes', {
  'each document once, at its last change': async db => {
    const rows = await fill(db);
    await db.put({_id: 'b', _rev: rows[1].rev, n: 9});
    const {results, last_seq} = await db.changes({include_docs: true});
    assert.equal(results.length, 8);
    assert.equal(results.at(-1).id, 'b');
    assert.equal(results.at(-1).doc.n, 9);
    assert.deepEqual(results.at(-1).seq, last_seq);
    assert.match(results.at(-1).changes[0].rev, /^2-/);
  },
  'since gives what came after': async db => {
    await db.bulkDocs([{_id: 'a'}, {_id: 'b'}]);
    const {last_seq} = await db.changes();
    await db.put({_id: 'c'});
    assert.deepEqual((await db.changes({since: last_seq})).results.map(row => row.id), ['c']);
    assert.deepEqual((await db.changes({since: 'now'})).results, []);
  },
  'limit, and on from there': async db => {
    await fill(db);
    const seen = [];
    let since = 0;
    for (;;) {
      const {results, last_seq} = await db.changes({since, limit: 3});
      if (results.length === 0) break;
      assert.ok(results.length <= 3);
      seen.push(...results.map(row => row.id));
      since = last_seq;
    }
    assert.deepEqual(seen.toSorted(), letters);
  },
  'descending': async db => {
    for (const _id of ['a', 'b', 'c']) await db.put({_id});
    assert.deepEqual((await db.changes({descending: true})).results.map(row => row.id), ['c', 'b', 'a']);
    assert.deepEqual((await db.changes({descending: true, limit: 1})).results.map(row => row.id), ['c']);
  },
  'removals say so, with their documents': async db => {
    const {rev: first} = await db.put({_id: 'a', n: 1});
    const {rev: last} = await db.remove('a', first);
    const {results: [row]} = await db.changes({include_docs: true});
    assert.equal(row.deleted, true);
    assert.deepEqual(row.doc, {_id: 'a', _rev: last, _deleted: true});
  },
  'style all_docs gives every leaf': async db => {
    await graft(db, revision('a', [rev(2, 'b'), rev(1, 'a')]), revision('a', [rev(2, 'c'), rev(1, 'a')]),
      revision('a', [rev(3, 'd'), rev(2, 'e'), rev(1, 'a')], {_deleted: true}));
    const {results: [row]} = await db.changes({style: 'all_docs'});
    assert.deepEqual(row.changes.map(change => change.rev).toSorted(), [rev(2, 'b'), rev(2, 'c'), rev(3, 'd')]);
    assert.notEqual(row.deleted, true);
    const {results: [main]} = await db.changes();
    assert.deepEqual(main.changes, [{rev: rev(2, 'c')}]);
  },
  'conflicts with include_docs': async db => {
    await graft(db, revision('a', [rev(1, 'a')]), revision('a', [rev(1, 'b')]));
    const {results: [row]} = await db.changes({include_docs: true, conflicts: true});
    assert.deepEqual(row.doc._conflicts, [rev(1, 'a')]);
  },
  'doc_ids': async db => {
    await fill(db);
    const {results} = await db.changes({doc_ids: ['b', 'h', 'nothing']});
    assert.deepEqual(results.map(row => row.id).toSorted(), ['b', 'h']);
  },
  'a selector': async db => {
    await fill(db);
    const {results} = await db.changes({selector: {n: {$gte: 6}}});
    assert.deepEqual(results.map(row => row.id).toSorted(), ['g', 'h']);
  },
  'a filter of the client\'s': async db => {
    await fill(db);
    const {results} = await db.changes({filter: doc => doc.n === 3});
    assert.deepEqual(results.map(row => row.id), ['d']);
  },
  'a live feed gives what is there and what comes': async db => {
    await db.put({_id: 'a'});
    const seen = [];
    const feed = db.changes({live: true, since: 0, include_docs: true}).on('change', row => seen.push(row.doc._id));
    await until(() => seen.length === 1, 'the first change');
    await db.put({_id: 'b'});
    await db.bulkDocs([{_id: 'c'}, {_id: 'd'}]);
    await until(() => seen.length === 4, 'four changes');
    assert.deepEqual(seen.toSorted(), ['a', 'b', 'c', 'd']);
    const complete = once(feed, 'complete');
    feed.cancel();
    await within(complete, 'the feed to end');
  },
  'a live feed since now gives only what comes': async db => {
    await db.put({_id: 'a'});
    const seen = [];
    const feed = db.changes({live: true, since: 'now'}).on('change', row => seen.push(row.id));
    // "now" is when the request arrives: write until it has.
    for (let i = 0; seen.length === 0 && i < 200; ++i) await db.post({}).then(() => new Promise(done => setTimeout(done, 20)));
    feed.cancel();
    assert.ok(seen.length > 0);
    assert.ok(!seen.includes('a'));
  },
  'two live feeds see the same': async db => {
    const seen = [[], []];
    const feeds = seen.map(list => db.changes({live: true, since: 0}).on('change', row => list.push(row.id)));
    await fill(db);
    await until(() => seen.every(list => list.length === 8), 'both feeds to see all');
    feeds.forEach(feed => feed.cancel());
    assert.deepEqual(seen[0].toSorted(), seen[1].toSorted());
  },
  'sequences are stable': async db => {
    await fill(db);
    const [one, two] = [await db.changes(), await db.changes()];
    assert.deepEqual(one, two);
    const after_four = await db.changes({since: one.results[3].seq});
    assert.deepEqual(after_four.results, one.results.slice(4));
  },
});
