import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { isObject, type JsonObject } from '../../json-object.ts';
import { withShortPath } from '../../unix-socket.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { forbiddenSocket, type Login, noBroker, type Target } from './target.ts';

type Headers = Readonly<Record<string, string>>;

/** What came back: everything that is said in JSON, or nothing. */
interface Reply {
  readonly status: number;
  readonly text: string;
}

interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: JsonObject | undefined;
  readonly headers?: Headers;
  /** In place of the target's login. */
  readonly as?: Login | undefined;
}

/** What a command says when the broker will not, where it knows better than the answer does. */
interface Refusals {
  /** There is no such object. */
  readonly missing?: CommandError;
  /** There is no such queue or exchange for messages to go to. */
  readonly missingTarget?: CommandError | undefined;
  /** For whatever else the broker has against it. */
  readonly exitCode?: ExitCode;
}

/** Uses the HTTP API, and turns what goes wrong into one line and rabbitmqctl's exit code. */
export class Api {
  /** For every single request. */
  readonly timeoutSeconds: number;
  readonly #findTarget: () => Promise<Target>;
  #target: Promise<Target> | undefined;

  /** `findTarget` is called with the first request: some commands need no broker. */
  constructor(findTarget: () => Promise<Target>, timeoutSeconds: number) {
    this.#findTarget = findTarget;
    this.timeoutSeconds = timeoutSeconds;
  }

  /** The broker that is asked. @throws CommandError */
  get target(): Promise<Target> {
    this.#target ??= this.#findTarget().catch((error: unknown) => {
      // It may come up yet: somebody may wait for it.
      this.#target = undefined;
      throw error;
    });
    return this.#target;
  }

  /** Whatever JSON there is. @throws CommandError */
  async get(path: string, missing = notFound(path)): Promise<unknown> {
    return parsed(await this.#send({ method: 'GET', path }, { missing }));
  }

  /** `missing` is thrown when there is no such object. @throws CommandError */
  async object(path: string, missing = notFound(path)): Promise<JsonObject> {
    const body = await this.get(path, missing);
    if (!isObject(body)) throw await this.#unexpected(path);
    return body;
  }

  /** @throws CommandError */
  async list(path: string, missing = notFound(path)): Promise<readonly JsonObject[]> {
    const body = await this.get(path, missing);
    if (!Array.isArray(body) || !body.every(isObject)) throw await this.#unexpected(path);
    return body;
  }

  /** @throws CommandError */
  async put(path: string, body: JsonObject, missing = notFound(path)): Promise<void> {
    await this.#send({ method: 'PUT', path, body }, { missing });
  }

  /** @throws CommandError */
  async delete(path: string, missing = notFound(path), headers: Headers = {}): Promise<void> {
    await this.#send({ method: 'DELETE', path, headers }, { missing });
  }

  /** The answer, if there is one. @throws CommandError */
  async post(path: string, body: JsonObject, refusals: Refusals = {}): Promise<unknown> {
    return parsed(await this.#send({ method: 'POST', path, body }, refusals));
  }

  /**
   * An answer that goes on: its lines, each a JSON object. `signal` ends it, without an error.
   *
   * @throws CommandError, also when the broker goes away
   */
  async *lines(
    method: 'GET' | 'POST',
    path: string,
    options: { readonly body?: JsonObject; readonly signal: AbortSignal },
    refusals: Refusals = {},
  ): AsyncGenerator<JsonObject> {
    const { body, signal } = options;
    const target = await this.target;
    const start = new AbortController();
    const timer = setTimeout(() => start.abort(), this.timeoutSeconds * 1000);
    let response: IncomingMessage | undefined;
    try {
      const until = AbortSignal.any([signal, start.signal]);
      response = await this.#open({ method, path, body, signal: until }, async (answer) => answer);
      // That it was cut off shows in `complete`.
      response.on('error', () => {});
      clearTimeout(timer);
      const status = response.statusCode ?? 0;
      if (status >= 300)
        throw await this.#refusal(path, { status, text: await readText(response) }, refusals);
      for await (const line of createInterface({ input: response })) {
        const value = line === '' ? undefined : parsed({ status, text: line });
        if (isObject(value)) yield value;
      }
      if (!response.complete) throw lost(target);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof CommandError) throw error;
      throw codeOf(error) === 'ECONNRESET' ? lost(target) : this.#unreachable(error, target);
    } finally {
      clearTimeout(timer);
      response?.destroy();
    }
  }

  /** Whether somebody can log in, the HTTP API being theirs to use or not. @throws CommandError */
  async canLogIn(user: string, password: string): Promise<boolean> {
    const reply = await this.#request({ method: 'GET', path: '/api/whoami', as: { user, password } });
    return reply.status === 401 ? refusalOf(reply).reason === 'Not management user' : reply.status === 200;
  }

  /** Status and body of a health check: one that fails is an answer. @throws CommandError */
  async check(path: string): Promise<{ readonly isHealthy: boolean; readonly body: JsonObject }> {
    const reply = await this.#request({ method: 'GET', path });
    if (reply.status !== 200 && reply.status !== 503) throw await this.#refusal(path, reply);
    const body = parsed(reply);
    return { isHealthy: reply.status === 200, body: isObject(body) ? body : {} };
  }

  async #send(request: ApiRequest, refusals: Refusals): Promise<Reply> {
    const reply = await this.#request(request);
    if (reply.status >= 300) throw await this.#refusal(request.path, reply, refusals);
    return reply;
  }

  async #refusal(path: string, reply: Reply, refusals: Refusals = {}): Promise<CommandError> {
    const { missing = notFound(path), missingTarget, exitCode = ExitCode.Unavailable } = refusals;
    const { name, login } = await this.target;
    switch (reply.status) {
      case 401:
        return new CommandError(
          `the broker at ${name} refused the login of user '${login?.user}', or what it asks for: say who you are with --user and LEVERETCTL_PASSWORD; most commands need the tag administrator`,
          ExitCode.NoUser,
        );
      case 404:
        return missing;
      case 400: {
        const { error, reason, text } = refusalOf(reply);
        // A user that is missing comes with a sentence that says so.
        const isVhostMissing = reason === 'vhost_not_found' || text === 'vhost_or_user_not_found';
        if (isVhostMissing) return missing;
        if (error === 'target_not_found' && missingTarget !== undefined) return missingTarget;
        return badRequest(text, exitCode);
      }
      default:
        return this.#unexpected(path, reply.status);
    }
  }

  async #request(request: ApiRequest): Promise<Reply> {
    const signal = AbortSignal.timeout(this.timeoutSeconds * 1000);
    try {
      return await this.#open({ ...request, signal }, async (response) => ({
        status: response.statusCode ?? 0,
        text: await readText(response),
      }));
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw this.#unreachable(error, await this.target);
    }
  }

  /** Sends what is to be sent, and hands the answer over when it begins. */
  async #open<Result>(
    { method, path, body, headers = {}, signal, as }: ApiRequest & { readonly signal: AbortSignal },
    use: (response: IncomingMessage) => Promise<Result>,
  ): Promise<Result> {
    const { socket, url, login: own } = await this.target;
    const login = as ?? own;
    const options = {
      method,
      headers: {
        ...(login !== undefined && { authorization: basic(login) }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      signal,
    };
    const content = body === undefined ? '' : JSON.stringify(body);
    if (socket !== undefined) {
      return withShortPath(socket, (socketPath) =>
        answered(requestHttp(new URL(path, url), { ...options, socketPath }), content, use),
      );
    }
    const { request } = url.protocol === 'https:' ? await import('node:https') : { request: requestHttp };
    return answered(request(new URL(path, url), options), content, use);
  }

  #unreachable(error: unknown, { socket, name }: Target): CommandError {
    const code = codeOf(error);
    if (code === 'ABORT_ERR') {
      return new CommandError(
        `the broker at ${name} has not answered within ${this.timeoutSeconds} seconds: give it longer with --timeout`,
        ExitCode.TimedOut,
      );
    }
    if (socket !== undefined && (code === 'ENOENT' || code === 'ECONNREFUSED'))
      return noBroker(dirname(socket));
    if (socket !== undefined && code === 'EACCES') return forbiddenSocket(socket);
    return new CommandError(
      `unable to reach the broker at ${name} (${code}). ${whatToTry(code)}`,
      ExitCode.Unavailable,
    );
  }

  async #unexpected(path: string, status?: number): Promise<CommandError> {
    const { name } = await this.target;
    const what = status === undefined ? 'an answer that makes no sense' : `status ${status}`;
    return new CommandError(`${path} of the broker at ${name} gave ${what}`, ExitCode.Unavailable);
  }
}

function basic({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function answered<Result>(
  request: ClientRequest,
  content: string,
  use: (response: IncomingMessage) => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.once('response', (response: IncomingMessage) => {
      use(response).then(resolve, reject);
    });
    request.end(content);
  });
}

function lost({ name }: Target): CommandError {
  return new CommandError(
    `the broker at ${name} closed the connection: is it still running?`,
    ExitCode.Unavailable,
  );
}

function parsed({ text }: Reply): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a command has no words of its own for: what was there a moment ago, or something that is no broker. */
function notFound(path: string): CommandError {
  const [asked] = path.split('?', 1);
  return new CommandError(
    `there is no ${asked}: it may have been deleted meanwhile; if not, --url may lead to something else than a broker`,
    ExitCode.NoUser,
  );
}

/** With the exit codes of rabbitmqctl. */
function badRequest(reason: string, otherwise: ExitCode): CommandError {
  if (/^User .* does not exist/.test(reason)) return new CommandError(reason, ExitCode.NoUser);
  if (/^Virtual host .* does not exist/.test(reason)) return new CommandError(reason, ExitCode.Data);
  return new CommandError(reason, otherwise);
}

/** What the API has against a request: its kind, RabbitMQ's reason, and a sentence on one line. */
function refusalOf(reply: Reply): { error: unknown; reason: unknown; text: string } {
  const body = parsed(reply);
  if (!isObject(body)) return { error: undefined, reason: undefined, text: `status ${reply.status}` };
  const { error, reason, message = reason } = body;
  return {
    error,
    reason,
    text: String(message)
      .replaceAll(/\s*\n\s*/g, ' ')
      .trim(),
  };
}

/** What an answer has under a name, where that has to be an object. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** The same for a list of objects. */
export function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Advice for an error of Node's or OpenSSL's. */
function whatToTry(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'Its certificate is for another name: use a name that it has in --url';
  if (code === 'CERT_HAS_EXPIRED') return 'Its certificate has expired: renew it';
  if (/CERT|ISSUER|SIGNATURE/.test(code))
    return 'Its certificate is not trusted here: name the file of its authority with NODE_EXTRA_CA_CERTS=ca.pem';
  if (code === 'EPROTO') return 'It does not speak TLS there: try http:// in --url, or another port';
  if (code.startsWith('HPE_'))
    return 'What answers there does not speak HTTP: is it the port of the HTTP API?';
  if (code === 'ECONNRESET') return 'If its HTTP API uses TLS, say https:// in --url';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'There is no machine of that name: see --url and --node';
  return 'Is it running, with its HTTP API on that port?';
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message;
}
