/** What a test sends to the HTTP API of a broker, and what comes back. */

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  readonly body: any;
}

export interface RequestOptions {
  /** Sent as JSON, unless it is a text. */
  readonly body?: unknown;
  /** `user:password`; empty for none. */
  readonly login?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class HttpClient {
  readonly #base: string;

  constructor(port: number | undefined) {
    if (port === undefined) throw new Error('the broker serves no HTTP API');
    this.#base = `http://127.0.0.1:${port}`;
  }

  url(path: string): string {
    return this.#base + path;
  }

  async send(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { body, login = 'guest:guest', headers = {} } = options;
    const response = await fetch(this.url(path), {
      method,
      headers: {
        ...(login !== '' && { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    const parsed: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, body: parsed };
  }

  get(path: string, options?: RequestOptions): Promise<Answer> {
    return this.send('GET', path, options);
  }

  put(path: string, body: unknown = {}, options?: RequestOptions): Promise<Answer> {
    return this.send('PUT', path, { ...options, body });
  }

  post(path: string, body: unknown = {}, options?: RequestOptions): Promise<Answer> {
    return this.send('POST', path, { ...options, body });
  }

  delete(path: string, options?: RequestOptions): Promise<Answer> {
    return this.send('DELETE', path, options);
  }
}
