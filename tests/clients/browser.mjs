// A headless Chromium, driven through chromedriver by the requests of W3C WebDriver; and a server of pages for it.
import {spawn, spawnSync} from 'node:child_process';
import {createServer} from 'node:http';
import {once} from 'node:events';
import {at_end, patience, temporary_folder, until} from './stage.mjs';

const found = name => spawnSync('sh', ['-c', `command -v ${name}`], {encoding: 'utf8'}).stdout.trim();

/// Why there is no browser here; undefined where there is one.
export const no_browser = ['chromium', 'chromedriver'].find(name => !found(name));

async function command(session, path, body) {
  const answer = await fetch(session + path, {method: 'POST', body: JSON.stringify(body)});
  const {value} = await answer.json();
  if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

class Browser {
  constructor(session) {
    this.session = session;
  }

  open(url) { return command(this.session, '/url', {url}); }

  /// Runs an asynchronous function in the page and gives what it gives.
  async run(work, ...args) {
    const script = `const done = arguments[arguments.length - 1]; (${work})(...[...arguments].slice(0, -1))
      .then(value => done({value}), fault => done({fault: String(fault.stack ?? fault.message ?? JSON.stringify(fault))}))`;
    const {value, fault} = await command(this.session, '/execute/async', {script, args});
    if (fault !== undefined) throw new Error(`in the page: ${fault}`);
    return value;
  }
}

/// Starts a browser; it ends with the tests of the file.
export async function browser() {
  const driver = spawn('setpriv', ['--pdeathsig', 'TERM', found('chromedriver'), '--port=0'], {stdio: ['ignore', 'pipe', 'ignore']});
  let said = '';
  driver.stdout.setEncoding('utf8').on('data', piece => { said += piece; });
  const port = await until(() => /successfully on port (\d+)/.exec(said)?.[1], 'chromedriver');
  const args = ['--headless=new', '--no-sandbox', '--disable-dev-shm-usage', `--user-data-dir=${temporary_folder()}`];
  const {sessionId} = await command(`http://127.0.0.1:${port}`, '/session', {capabilities: {alwaysMatch: {
    browserName: 'chrome', timeouts: {script: 2 * patience}, 'goog:chromeOptions': {binary: found('chromium'), args},
  }}});
  const session = `http://127.0.0.1:${port}/session/${sessionId}`;
  at_end(async () => {
    await fetch(session, {method: 'DELETE'});
    driver.kill();
    await once(driver, 'exit');
  });
  return new Browser(session);
}

/// Serves `pages`, {path: [type, text]}, and gives the origin, http://localhost:PORT.
export async function site(pages) {
  const server = createServer((request, answer) => {
    const [type, text] = pages[request.url] ?? ['text/plain', undefined];
    answer.writeHead(text === undefined ? 404 : 200, {'content-type': type});
    answer.end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  at_end(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${server.address().port}`;
}
