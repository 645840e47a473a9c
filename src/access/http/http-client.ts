import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

/** What is asked at once; more wait. */
const socketsMax = 64;

/** How long and how much is waited for, and whom to trust. */
export interface HttpClientOptions {
  /** For all of a request. */
  readonly timeoutMs: number;
  /** A longer answer is an error. */
  readonly answerBytesMax: number;
  /** Certificates of the authorities that sign those of HTTPS servers, PEM. Default: those Node.js knows. */
  readonly ca?: Buffer | undefined;
}

/** An answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Asks servers of the operator's choice over connections that are kept. Errors do not show what was asked. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: socketsMax });
  readonly #https: HttpsAgent;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#https = new HttpsAgent({ keepAlive: true, maxSockets: socketsMax, ca: options.ca });
  }

  /** GET, or POST when there is a form to be sent. @throws Error when there is no answer */
  async ask(url: URL, form?: URLSearchParams): Promise<HttpAnswer> {
    try {
      return await this.#ask(url, form);
    } catch (error) {
      // The server has closed a kept connection just when the request was written.
      if (!(error instanceof StaleConnection)) throw error;
      return await this.#ask(url, form);
    }
  }

  #ask(url: URL, form: URLSearchParams | undefined): Promise<HttpAnswer> {
    const isSecure = url.protocol === 'https:';
    const { promise, resolve, reject } = withResolvers<HttpAnswer>();
    const request = (isSecure ? requestHttps : requestHttp)(url, {
      agent: isSecure ? this.#https : this.#http,
      method: form === undefined ? 'GET' : 'POST',
      ...(form !== undefined && { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      signal: AbortSignal.timeout(this.#options.timeoutMs),
    });
    request.on('response', (response) => this.#collect(response).then(resolve, reject));
    request.on('error', (error) => {
      const isStale = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
      reject(isStale ? new StaleConnection() : new Error(`no answer from ${url.host}: ${error.message}`));
    });
    request.end(form?.toString());
    return promise;
  }

  async #collect(response: IncomingMessage): Promise<HttpAnswer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response) {
      if (!Buffer.isBuffer(chunk)) continue;
      bytes += chunk.length;
      if (bytes > this.#options.answerBytesMax) {
        throw new Error(`an answer of more than ${this.#options.answerBytesMax} bytes`);
      }
      chunks.push(chunk);
    }
    return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
  }

  /** Lets go of the connections. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

class StaleConnection extends Error {}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
