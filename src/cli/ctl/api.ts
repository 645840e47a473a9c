import { CommandError, ExitCode } from '../exit-code.ts';

/** How to reach a broker's HTTP API. */
export interface ApiOptions {
  /** `http://host:port` */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly timeoutSeconds: number;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads from the HTTP API, and turns what goes wrong into one line and rabbitmqctl's exit code. */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** @throws CommandError */
  async object(path: string): Promise<JsonObject> {
    const body = await this.#get(path);
    if (!isObject(body)) throw this.#unexpected(path);
    return body;
  }

  /** @throws CommandError */
  async list(path: string): Promise<readonly JsonObject[]> {
    const body = await this.#get(path);
    if (!Array.isArray(body) || !body.every(isObject)) throw this.#unexpected(path);
    return body;
  }

  async #get(path: string): Promise<unknown> {
    const { url, user, password, timeoutSeconds } = this.#options;
    const credentials = Buffer.from(`${user}:${password}`).toString('base64');
    let response: Response;
    try {
      response = await fetch(new URL(path, url), {
        headers: { authorization: `Basic ${credentials}` },
        signal: AbortSignal.timeout(timeoutSeconds * 1000),
      });
    } catch (error) {
      throw new CommandError(
        `unable to reach the broker at ${url} (${causeOf(error)}). Is it running, with its HTTP API on that port?`,
        ExitCode.Unavailable,
      );
    }
    if (response.status === 401) {
      throw new CommandError(`the broker at ${url} refused the login of user '${user}'`, ExitCode.NoUser);
    }
    if (response.status === 404) throw new CommandError('no such virtual host or object', ExitCode.NoUser);
    if (!response.ok) throw this.#unexpected(path, response.status);
    return response.json();
  }

  #unexpected(path: string, status?: number): CommandError {
    const what = status === undefined ? 'an answer that makes no sense' : `status ${status}`;
    return new CommandError(`${this.#options.url}${path} gave ${what}`, ExitCode.Unavailable);
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** fetch says "fetch failed"; the reason is underneath. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return error.name === 'TimeoutError' ? 'timeout' : error.message;
}
