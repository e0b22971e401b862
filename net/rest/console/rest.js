// Asks the node that served this page. Answers are text: json_text.js says why.

/// The node refused: `code` and `reason` are its words, `body` its whole answer.
export class refusal extends Error {
  constructor(status, body) {
    let told = {};
    try {
      told = JSON.parse(body);
    } catch {
      // An answer of something between here and the node.
    }
    super(told.reason ?? `the answer was ${status}`);
    this.status = status;
    this.code = told.error ?? 'unknown';
    this.rev = told.rev;
  }
}

/// No answer came.
export class silence extends Error {
  constructor() {
    super('the node does not answer');
  }
}

/// The body of the answer. Throws `refusal`, `silence`, and AbortError where `signal` fired.
export async function ask(path, {method = 'GET', body, signal} = {}) {
  const headers = body === undefined ? {} : {'Content-Type': 'application/json'};
  let answer;
  let text;
  try {
    answer = await fetch(path, {method, body, signal, headers, cache: 'no-store', redirect: 'error'});
    text = await answer.text();
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    throw new silence();
  }
  if (!answer.ok) throw new refusal(answer.status, text);
  return text;
}

/// For answers that hold no documents.
export const ask_json = async (path, options) => JSON.parse(await ask(path, options));

export const bucket_path = bucket => `/${encodeURIComponent(bucket)}`;

/// A browser takes the names . and .. for steps in a path, escaped or not: the request would be about something else.
export function document_path(bucket, id) {
  if (id === '.' || id === '..')
    throw new Error(`a browser cannot name the document ${id}: use curl --path-as-is`);
  return `${bucket_path(bucket)}/${encodeURIComponent(id)}`;
}

export const query_path = (bucket, name) => `${bucket_path(bucket)}/_query/${encodeURIComponent(name)}`;

/// "?a=b&c=d" of what is set.
export function parameters(values) {
  const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== '' && value !== false);
  return set.length === 0 ? '' : '?' + set.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
}
