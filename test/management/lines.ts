import type { HttpClient } from './http-client.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into lines of any shape
type Line = any;

/** An answer of the HTTP API that comes line by line. */
export class Lines {
  readonly status: number;
  readonly contentType: string | null;
  readonly #abort: AbortController;
  readonly #lines: AsyncGenerator<Line>;

  private constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.contentType = response.headers.get('content-type');
    this.#abort = abort;
    this.#lines = linesOf(response);
  }

  /** Resolves when the answer has begun. */
  static async open(http: HttpClient, method: string, path: string, body?: object): Promise<Lines> {
    const abort = new AbortController();
    const response = await fetch(http.url(path), {
      method,
      headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: abort.signal,
    });
    return new Lines(response, abort);
  }

  /** The next line; undefined: there are no more. */
  async next(): Promise<Line> {
    return (await this.#lines.next()).value;
  }

  async rest(): Promise<Line[]> {
    const all: Line[] = [];
    for await (const line of this.#lines) all.push(line);
    return all;
  }

  close(): void {
    this.#abort.abort();
  }
}

async function* linesOf(response: Response): AsyncGenerator<Line> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) if (line !== '') yield JSON.parse(line);
  }
}
