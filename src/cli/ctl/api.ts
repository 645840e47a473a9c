import { CommandError, ExitCode } from '../exit-code.ts';

/** How to reach a broker's HTTP API. */
export interface ApiOptions {
  /** `http://host:port` */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly timeoutSeconds: number;
}

type Headers = Readonly<Record<string, string>>;
export type JsonObject = Readonly<Record<string, unknown>>;

/** Uses the HTTP API, and turns what goes wrong into one line and rabbitmqctl's exit code. */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  get timeoutSeconds(): number {
    return this.#options.timeoutSeconds;
  }

  /** `missing` is thrown when there is no such object. @throws CommandError */
  async object(path: string, missing = notFound()): Promise<JsonObject> {
    const body: unknown = await (await this.#send('GET', path, undefined, missing)).json();
    if (!isObject(body)) throw this.#unexpected(path);
    return body;
  }

  /** @throws CommandError */
  async list(path: string, missing = notFound()): Promise<readonly JsonObject[]> {
    const body: unknown = await (await this.#send('GET', path, undefined, missing)).json();
    if (!Array.isArray(body) || !body.every(isObject)) throw this.#unexpected(path);
    return body;
  }

  /** @throws CommandError */
  async put(path: string, body: JsonObject, missing = notFound()): Promise<void> {
    await this.#send('PUT', path, body, missing);
  }

  /** @throws CommandError */
  async delete(path: string, missing = notFound(), headers: Headers = {}): Promise<void> {
    await this.#send('DELETE', path, undefined, missing, headers);
  }

  /** Whether somebody can log in, the HTTP API being theirs to use or not. @throws CommandError */
  async canLogIn(user: string, password: string): Promise<boolean> {
    const response = await this.#fetch('GET', '/api/whoami', undefined, { user, password });
    if (response.status !== 401) return response.ok;
    return (await refusalOf(response)).reason === 'Not management user';
  }

  async #send(
    method: string,
    path: string,
    body: JsonObject | undefined,
    missing: CommandError,
    headers: Headers = {},
  ): Promise<Response> {
    const response = await this.#fetch(method, path, body, this.#options, headers);
    const { url, user } = this.#options;
    if (response.ok) return response;
    switch (response.status) {
      case 401:
        throw new CommandError(
          `the broker at ${url} refused the login of user '${user}', or what it asks for`,
          ExitCode.NoUser,
        );
      case 404:
        throw missing;
      case 400: {
        const { reason, text } = await refusalOf(response);
        // A user that is missing comes with a sentence that says so.
        const isVhostMissing = reason === 'vhost_not_found' || text === 'vhost_or_user_not_found';
        throw isVhostMissing ? missing : badRequest(text);
      }
      default:
        throw this.#unexpected(path, response.status);
    }
  }

  async #fetch(
    method: string,
    path: string,
    body: JsonObject | undefined,
    { user, password }: Pick<ApiOptions, 'user' | 'password'>,
    headers: Headers = {},
  ): Promise<Response> {
    const { url, timeoutSeconds } = this.#options;
    const credentials = Buffer.from(`${user}:${password}`).toString('base64');
    try {
      return await fetch(new URL(path, url), {
        method,
        headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutSeconds * 1000),
      });
    } catch (error) {
      throw new CommandError(
        `unable to reach the broker at ${url} (${causeOf(error)}). Is it running, with its HTTP API on that port?`,
        ExitCode.Unavailable,
      );
    }
  }

  #unexpected(path: string, status?: number): CommandError {
    const what = status === undefined ? 'an answer that makes no sense' : `status ${status}`;
    return new CommandError(`${this.#options.url}${path} gave ${what}`, ExitCode.Unavailable);
  }
}

function notFound(): CommandError {
  return new CommandError('no such virtual host or object', ExitCode.NoUser);
}

/** With the exit codes of rabbitmqctl. */
function badRequest(reason: string): CommandError {
  if (/^User .* does not exist/.test(reason)) return new CommandError(reason, ExitCode.NoUser);
  if (/^Virtual host .* does not exist/.test(reason)) return new CommandError(reason, ExitCode.Data);
  return new CommandError(reason, ExitCode.Unavailable);
}

/** What the API has against a request: RabbitMQ's reason, and a sentence on one line. */
async function refusalOf(response: Response): Promise<{ reason: unknown; text: string }> {
  const body: unknown = await response.json().catch(() => undefined);
  if (!isObject(body)) return { reason: undefined, text: `status ${response.status}` };
  const { reason, message = reason } = body;
  return {
    reason,
    text: String(message)
      .replaceAll(/\s*\n\s*/g, ' ')
      .trim(),
  };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** fetch says "fetch failed"; the reason is underneath. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return error.name === 'TimeoutError' ? 'timeout' : error.message;
}
