// Single documents, bulks and trees of revisions.
import assert from 'node:assert/strict';
import {behaviours, graft, refusal, rev, revision} from './behaviours.mjs';

const hash = /^[0-9]+-[0-9a-f]{32}$/;

behaviours('documents', {
  'info of an empty database': async db => {
    const info = await db.info();
    assert.equal(info.doc_count, 0);
    assert.equal(typeof info.db_name, 'string');
  },
  'a posted document has an id and a first revision': async db => {
    const {ok, id, rev: first} = await db.post({test: 'somestuff'});
    assert.equal(ok, true);
    assert.match(first, /^1-[0-9a-f]{32}$/);
    assert.deepEqual(await db.get(id), {_id: id, _rev: first, test: 'somestuff'});
  },
  'a document is modified with its revision': async db => {
    const first = await db.put({_id: 'a', n: 1});
    const second = await db.put({_id: 'a', _rev: first.rev, n: 2});
    assert.match(second.rev, /^2-/);
    assert.equal((await db.get('a')).n, 2);
  },
  'a document is not modified with a wrong revision': async db => {
    const {id, rev: first} = await db.post({n: 1});
    const fault = await refusal(db.put({_id: id, _rev: first.slice(0, -1) + (first.endsWith('0') ? '1' : '0'), n: 2}));
    assert.equal(fault.status, 409);
    assert.equal(fault.name, 'conflict');
    assert.equal((await db.get(id)).n, 1);
  },
  'a live document is not replaced without a revision': async db => {
    await db.put({_id: 'a', n: 1});
    assert.equal((await refusal(db.put({_id: 'a', n: 1}))).status, 409);
    assert.equal((await db.get('a'))._rev.split('-')[0], '1');
  },
  'the same edit twice is a conflict': async db => {
    const {rev: first} = await db.put({_id: 'a', n: 1});
    await db.put({_id: 'a', _rev: first, n: 2});
    assert.equal((await refusal(db.put({_id: 'a', _rev: first, n: 2}))).status, 409);
  },
  'a revision that no document has is a conflict': async db => {
    assert.equal((await refusal(db.put({_id: 'a', _rev: rev(1, 'b')}))).status, 409);
  },
  'a revision of a wrong form is refused': async db => {
    const fault = await refusal(db.put({_id: 'a', _rev: 'undefined'}));
    assert.equal(fault.status, 400);
    assert.equal((await refusal(db.get('a'))).status, 404);
  },
  'a removed document is gone, and says so': async db => {
    const {rev: first} = await db.put({_id: 'a', n: 1});
    const removed = await db.remove('a', first);
    assert.match(removed.rev, /^2-/);
    const fault = await refusal(db.get('a'));
    assert.deepEqual([fault.status, fault.name, fault.reason], [404, 'not_found', 'deleted']);
  },
  'the removal of a document leaves only a stub': async db => {
    const {rev: first} = await db.put({_id: 'foo', value: 'test'});
    const {rev: last} = await db.remove({_id: 'foo', _rev: first});
    assert.deepEqual(await db.get('foo', {rev: last}), {_id: 'foo', _rev: last, _deleted: true});
  },
  'a document is removed only once': async db => {
    const {rev: first} = await db.put({_id: 'a'});
    await db.remove('a', first);
    assert.ok([404, 409].includes((await refusal(db.remove('a', first))).status));
  },
  'a missing document is not found': async db => {
    const fault = await refusal(db.get('nothing'));
    assert.deepEqual([fault.status, fault.name, fault.reason], [404, 'not_found', 'missing']);
  },
  'a removed document is made again without a revision, in the same tree': async db => {
    const {rev: first} = await db.put({_id: 'a', n: 1});
    await db.remove('a', first);
    const again = await db.put({_id: 'a', n: 2});
    assert.match(again.rev, /^3-/);
    assert.equal((await db.get('a')).n, 2);
  },
  'successive removals and writes count on': async db => {
    let {rev: last} = await db.put({_id: 'a'});
    for (let i = 0; i < 4; ++i) {
      await db.remove('a', last);
      ({rev: last} = await db.put({_id: 'a'}));
    }
    assert.match(last, /^9-/);
    assert.equal((await db.info()).doc_count, 1);
  },
  'the old revision of an undeleted document is a conflict': async db => {
    const first = await db.put({_id: 'a'});
    const second = await db.put({_id: 'a', _rev: first.rev, n: 2});
    await db.remove('a', second.rev);
    assert.equal((await refusal(db.put({_id: 'a', _rev: first.rev}))).status, 409);
    assert.equal((await refusal(db.put({_id: 'a', _rev: second.rev}))).status, 409);
  },
  'reserved members are refused': async db => {
    const fault = await refusal(db.put({_id: 'a', _zing: 4}));
    assert.equal(fault.name, 'doc_validation');
    assert.equal((await refusal(db.get('a'))).status, 404);
  },
  'reserved members of replication are dropped or refused, and never stored': async db => {
    await db.put({_id: 'a', _local_seq: 1}).catch(() => {});
    assert.equal('_local_seq' in await db.get('a').catch(() => ({})), false);
  },
  'ids that begin with an underscore are refused': async db => {
    const fault = await refusal(db.bulkDocs([{_id: '_bad'}]).then(([row]) => {
      if (row.error) throw row;
      return row;
    }));
    assert.equal(fault.status ?? 400, 400);
    assert.equal((await db.allDocs()).rows.length, 0);
  },
  'ids of every kind come back': async db => {
    const ids = ['with space', 'a/b', 'a?b', 'a&b=c', 'a#b', 'a+b', 'a%2Fb', '"quoted"', "'single'", '日本語', '😀', '$', ':', 'ä'.repeat(20)];
    const rows = await db.bulkDocs(ids.map(_id => ({_id})));
    assert.deepEqual(rows.map(row => row.ok), ids.map(() => true));
    for (const id of ids) {
      const doc = await db.get(id);
      assert.equal(doc._id, id);
      const {rev: second} = await db.put({...doc, n: 1});
      await db.remove(id, second);
    }
    assert.equal((await db.info()).doc_count, 0);
  },
  'null, empty text, numbers and nesting come back': async db => {
    const doc = {_id: 'a', none: null, empty: '', zero: 0, minus: -1.5, big: 9007199254740991, small: 1e-7, list: [[], {}, [null]],
      deep: {a: {b: {c: ['x', {d: true}]}}}, unicode: '\u0000\u2028é😀'};
    const {rev: first} = await db.put(doc);
    assert.deepEqual(await db.get('a'), {...doc, _rev: first});
  },
  'two invalid writes are both refused': async db => {
    await db.put({_id: 'a'});
    const faults = await Promise.all([refusal(db.put({_id: 'a'})), refusal(db.put({_id: 'a'}))]);
    assert.deepEqual(faults.map(fault => fault.status), [409, 409]);
  },
  'one of many simultaneous edits of a revision wins': async db => {
    const {rev: first} = await db.put({_id: 'a'});
    const results = await Promise.allSettled(Array.from({length: 10}, (_, n) => db.put({_id: 'a', _rev: first, n})));
    assert.equal(results.filter(result => result.status === 'fulfilled').length, 1);
    assert.deepEqual((await db.get('a', {conflicts: true}))._conflicts, undefined);
  },
});

behaviours('bulks', {
  'a bulk makes, modifies and removes': async db => {
    const made = await db.bulkDocs([{_id: '0', a: 1}, {_id: '1', a: 2}, {_id: '2', a: 3}]);
    made.forEach(row => assert.match(row.rev, hash));
    const changed = await db.bulkDocs([{_id: '0', _rev: made[0].rev, a: 2}, {_id: '1', _rev: made[1].rev, _deleted: true}]);
    assert.deepEqual(changed.map(row => [row.ok, row.rev.slice(0, 2)]), [[true, '2-'], [true, '2-']]);
    assert.deepEqual((await db.allDocs()).rows.map(row => row.id), ['0', '2']);
  },
  'a bulk gives ids to those without': async db => {
    const rows = await db.bulkDocs([{a: 1}, {a: 2}]);
    assert.equal(new Set(rows.map(row => row.id)).size, 2);
    for (const row of rows) assert.equal((await db.get(row.id))._rev, row.rev);
  },
  'a conflict is a row of its own': async db => {
    await db.put({_id: 'b'});
    const rows = await db.bulkDocs([{_id: 'a'}, {_id: 'b'}, {_id: 'c'}]);
    assert.deepEqual(rows.map(row => row.id ?? 'b'), ['a', 'b', 'c']);
    assert.deepEqual(rows.map(row => row.error ? row.status ?? 409 : 201), [201, 409, 201]);
    assert.equal(rows[1].name ?? rows[1].error, 'conflict');
  },
  'the same id twice in a bulk is written once': async db => {
    const rows = await db.bulkDocs([{_id: 'a', n: 1}, {_id: 'a', n: 2}]);
    assert.equal(rows.filter(row => row.ok).length, 1);
    assert.deepEqual([(await db.get('a')).n, (await db.get('a'))._rev.slice(0, 2)], [1, '1-']);
  },
  'an empty bulk does nothing': async db => {
    assert.deepEqual(await db.bulkDocs([]), []);
  },
  'a bulk of many': async db => {
    const rows = await db.bulkDocs(Array.from({length: 201}, (_, i) => ({_id: `id_${i}`, a: i})));
    assert.equal(rows.filter(row => row.ok).length, 201);
    assert.equal((await db.info()).doc_count, 201);
  },
  'replicas keep their revisions': async db => {
    assert.deepEqual(await graft(db, {_id: 'foo', _rev: rev(2, 'b'), _revisions: {start: 2, ids: ['b', 'a'].map(c => c.repeat(32))}, n: 7}), []);
    assert.deepEqual(await db.get('foo'), {_id: 'foo', _rev: rev(2, 'b'), n: 7});
  },
  'a replica that is there already changes nothing': async db => {
    await graft(db, {_id: 'foo', _rev: rev(1, 'a')});
    const before = await db.info();
    await graft(db, {_id: 'foo', _rev: rev(1, 'a')});
    assert.deepEqual((await db.info()).update_seq, before.update_seq);
  },
  'a child that comes before its parent is still the only leaf': async db => {
    await graft(db, revision('a', [rev(2, 'b'), rev(1, 'a')]));
    await graft(db, revision('a', [rev(1, 'a')]));
    assert.deepEqual((await db.get('a', {conflicts: true}))._conflicts, undefined);
    assert.equal((await db.get('a'))._rev, rev(2, 'b'));
  },
  'a removal as a replica': async db => {
    const {rev: first} = await db.put({_id: 'a'});
    await graft(db, revision('a', [rev(2, 'd'), first], {_deleted: true}));
    assert.equal((await refusal(db.get('a'))).reason, 'deleted');
  },
  'a removal without history leaves the other branch': async db => {
    const {rev: first} = await db.put({_id: 'a', n: 1});
    await graft(db, {_id: 'a', _rev: rev(2, 'd'), _deleted: true});
    assert.equal((await db.get('a'))._rev, first);
  },
  'a tombstone that nothing preceded': async db => {
    await graft(db, {_id: 'a', _rev: rev(1, 'd'), _deleted: true});
    assert.equal((await refusal(db.get('a'))).reason, 'deleted');
    assert.equal((await db.info()).doc_count, 0);
    const {rev: again} = await db.put({_id: 'a'});
    assert.match(again, /^2-/);
  },
});

behaviours('revisions', {
  'of two branches the higher wins, and the other is a conflict': async db => {
    await graft(db, revision('a', [rev(1, 'a')]), revision('a', [rev(2, 'b'), rev(1, 'a')], {b: 1}), revision('a', [rev(2, 'c'), rev(1, 'a')], {c: 1}));
    const doc = await db.get('a', {conflicts: true});
    assert.deepEqual([doc._rev, doc._conflicts], [rev(2, 'c'), [rev(2, 'b')]]);
    assert.equal((await db.get('a', {rev: rev(2, 'b')})).b, 1);
  },
  'a longer branch wins over a higher hash': async db => {
    await graft(db, revision('a', [rev(2, 'f'), rev(1, 'a')]), revision('a', [rev(3, 'b'), rev(2, 'c'), rev(1, 'a')]));
    assert.equal((await db.get('a'))._rev, rev(3, 'b'));
  },
  'a live branch wins over a longer deleted one': async db => {
    await graft(db, revision('a', [rev(3, 'f'), rev(2, 'e'), rev(1, 'a')], {_deleted: true}), revision('a', [rev(2, 'b'), rev(1, 'a')]));
    const doc = await db.get('a', {conflicts: true});
    assert.deepEqual([doc._rev, doc._conflicts], [rev(2, 'b'), undefined]);
  },
  'a conflict is resolved by removing the losers': async db => {
    await graft(db, revision('a', [rev(1, 'a')]), revision('a', [rev(1, 'b')]), revision('a', [rev(1, 'c')]));
    const {_conflicts} = await db.get('a', {conflicts: true});
    assert.deepEqual(_conflicts.toSorted(), [rev(1, 'a'), rev(1, 'b')]);
    await Promise.all(_conflicts.map(loser => db.remove('a', loser)));
    assert.equal((await db.get('a', {conflicts: true}))._conflicts, undefined);
    assert.equal((await db.get('a'))._rev, rev(1, 'c'));
  },
  'a losing leaf can be edited': async db => {
    await graft(db, revision('a', [rev(1, 'a')]), revision('a', [rev(1, 'b')]));
    const {rev: next} = await db.put({_id: 'a', _rev: rev(1, 'a'), n: 1});
    assert.match(next, /^2-/);
    const doc = await db.get('a', {conflicts: true});
    assert.deepEqual([doc._rev, doc._conflicts], [next, [rev(1, 'b')]]);
  },
  'revs gives the history, newest first': async db => {
    const first = await db.put({_id: 'a'});
    const second = await db.put({_id: 'a', _rev: first.rev});
    const third = await db.put({_id: 'a', _rev: second.rev});
    const {_revisions} = await db.get('a', {revs: true});
    assert.deepEqual(_revisions, {start: 3, ids: [third, second, first].map(row => row.rev.split('-')[1])});
  },
  'revs of a branch that does not win': async db => {
    await graft(db, revision('a', [rev(3, 'c'), rev(2, 'b'), rev(1, 'a')]), revision('a', [rev(3, 'f'), rev(2, 'e'), rev(1, 'a')]));
    const {_revisions} = await db.get('a', {revs: true, rev: rev(3, 'c')});
    assert.deepEqual(_revisions.ids.map(id => id[0]), ['c', 'b', 'a']);
  },
  'compaction keeps all leaves': async db => {
    await graft(db, revision('a', [rev(2, 'b'), rev(1, 'a')], {n: 1}), revision('a', [rev(2, 'c'), rev(1, 'a')], {n: 2}));
    await db.compact();
    assert.equal((await db.get('a', {rev: rev(2, 'b')})).n, 1);
    assert.equal((await db.get('a', {rev: rev(2, 'c')})).n, 2);
  },
  'open_revs=all gives every leaf, tombstones too': async db => {
    await graft(db, revision('a', [rev(2, 'b'), rev(1, 'a')], {n: 1}), revision('a', [rev(2, 'c'), rev(1, 'a')], {_deleted: true}));
    const rows = await db.get('a', {open_revs: 'all'});
    assert.deepEqual(rows.map(row => [row.ok._rev, row.ok._deleted ?? false]).toSorted(), [[rev(2, 'b'), false], [rev(2, 'c'), true]]);
  },
  'open_revs names what is missing': async db => {
    const {rev: first} = await db.put({_id: 'a'});
    const rows = await db.get('a', {open_revs: [first, rev(5, 'b')]});
    assert.equal(rows.find(row => row.missing).missing, rev(5, 'b'));
    assert.equal(rows.find(row => row.ok).ok._rev, first);
  },
  'open_revs=all of a missing document is not found': async db => {
    assert.equal((await refusal(db.get('nothing', {open_revs: 'all'}))).status, 404);
  },
  'open_revs of a missing document names each': async db => {
    const rows = await db.get('nothing', {open_revs: [rev(1, 'a'), rev(2, 'b')]});
    assert.deepEqual(rows.map(row => row.missing), [rev(1, 'a'), rev(2, 'b')]);
  },
  'latest gives the leaf of the branch that was asked for': async db => {
    await graft(db, revision('a', [rev(3, 'c'), rev(2, 'b'), rev(1, 'a')]), revision('a', [rev(2, 'f'), rev(1, 'e')]));
    const rows = await db.get('a', {open_revs: [rev(2, 'b')], latest: true});
    assert.deepEqual(rows.map(row => row.ok._rev), [rev(3, 'c')]);
  },
  'revsDiff of an empty database lists everything': async db => {
    assert.deepEqual(await db.revsDiff({a: [rev(1, 'a'), rev(2, 'b')]}), {a: {missing: [rev(1, 'a'), rev(2, 'b')]}});
  },
  'revsDiff leaves out what is known': async db => {
    await graft(db, revision('a', [rev(1, 'a')]), revision('a', [rev(2, 'b'), rev(1, 'a')]));
    assert.deepEqual(await db.revsDiff({a: [rev(2, 'b'), rev(1, 'a')]}), {});
    const diff = await db.revsDiff({a: [rev(2, 'b'), rev(3, 'c')], other: [rev(1, 'd')]});
    assert.deepEqual(diff.a.missing, [rev(3, 'c')]);
    assert.deepEqual(diff.other.missing, [rev(1, 'd')]);
  },
  'revsDiff with nothing': async db => {
    assert.deepEqual(await db.revsDiff({}), {});
  },
  'revsDiff knows conflicts and tombstones': async db => {
    await graft(db, revision('a', [rev(1, 'a')]), revision('a', [rev(1, 'b')]), revision('a', [rev(2, 'd'), rev(1, 'b')], {_deleted: true}));
    assert.deepEqual(await db.revsDiff({a: [rev(1, 'a'), rev(1, 'b'), rev(2, 'd')]}), {});
  },
  'bulkGet gives winners, named leaves, and errors of what is missing': async db => {
    const {rev: first} = await db.put({_id: 'a', n: 1});
    await db.put({_id: 'a', _rev: first, n: 2});
    await graft(db, revision('b', [rev(1, 'a')], {n: 3}), revision('b', [rev(1, 'b')], {n: 4}));
    const {results} = await db.bulkGet({docs: [{id: 'a'}, {id: 'b', rev: rev(1, 'a')}, {id: 'nothing', rev: rev(1, 'a')}]});
    const found = Object.fromEntries(results.map(row => [row.id, row.docs[0].ok?.n]));
    assert.deepEqual(found, {a: 2, b: 3, nothing: undefined});
  },
  'bulkGet with revs gives histories': async db => {
    const {rev: first} = await db.put({_id: 'a'});
    const {results} = await db.bulkGet({docs: [{id: 'a', rev: first}], revs: true});
    assert.deepEqual(results[0].docs[0].ok._revisions, {start: 1, ids: [first.split('-')[1]]});
    const {results: [plain]} = await db.bulkGet({docs: [{id: 'a', rev: first}]});
    assert.equal(plain.docs[0].ok._revisions, undefined);
  },
  'hashes of upper case are hashes': async db => {
    await graft(db, revision('a', [rev(1, 'A')]));
    assert.equal((await db.allDocs()).rows.length, 1);
  },
});
