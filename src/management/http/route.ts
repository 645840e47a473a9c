import type { JsonValue } from '../../broker/store.ts';
import type { Access } from './access.ts';
import type { Principal } from './principal.ts';
import {
  type Field,
  type JsonSchema,
  optional,
  parseBody,
  readAll,
  type Shape,
  text,
  type ValuesOf,
} from './schema.ts';

/** HTTP methods that routes have. */
export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** `{name}`s of a path. */
export type ParametersOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [Key in Name]: string } & ParametersOf<Rest>
  : unknown;

/** What a handler is given: everything checked. */
export interface Call<Path extends string, Query extends Shape, Body> {
  readonly parameters: ParametersOf<Path>;
  readonly query: ValuesOf<Query>;
  readonly body: Body;
  /** The body as it came. */
  readonly bytes: Buffer;
  /** Whoever asks. @throws Error on a route that is public */
  readonly principal: Principal;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** An answer that is not simply 200 with a JSON body. */
export class Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** 204: done, and nothing to say. */
export const noContent = new Answer(204);

/** 201 for what is new, 204 for what was there. */
export function created(isNew: boolean): Answer {
  return isNew ? new Answer(201) : noContent;
}

/** A login in the query: it comes before that in the headers. */
export const queryLogin = {
  auth: optional(text('Name and password, as in a header `Authorization: Basic`.')),
  token: optional(text('A token, as in a header `Authorization: Bearer`.')),
};

/** One line of the API: what is served, described and checked. */
export interface RouteDescription {
  readonly method: Method;
  /** Below /api, with `{name}` for parameters. */
  readonly path: string;
  readonly access: Access;
  /** Chapter of the description. */
  readonly tag: string;
  readonly summary: string;
  readonly query: Shape;
  readonly body: Field<unknown> | undefined;
  /**
   * The body is a JSON file like this, of any size, which the handler reads itself. It may come as part of a form,
   * as browsers send files.
   */
  readonly file: JsonSchema | undefined;
  /** The login may be in the query ({@link queryLogin}), for links that browsers follow. */
  readonly takesQueryLogin: boolean;
  /** Status and meaning of the answers, besides those that any request may get. */
  readonly answers: Readonly<Record<number, string>>;
  /** RabbitMQ has no such path. */
  readonly isExtension: boolean;
  /** What a good answer may come as; undefined: JSON. */
  readonly contentTypes: readonly string[] | undefined;
}

/** What arrives, before anything is checked. */
export interface RawCall {
  readonly parameters: { readonly [name: string]: string };
  readonly query: { readonly [name: string]: JsonValue };
  readonly bytes: Buffer;
  /** Undefined where no login is needed. */
  readonly principal: Principal | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A route that can be called. */
export interface Route extends RouteDescription {
  /** A JSON body, or an {@link Answer}. @throws ApiError, AmqpError */
  run(call: RawCall): Promise<unknown>;
}

interface RouteOptions<Path extends string, Query extends Shape, Body> {
  readonly path: Path;
  readonly access: Access;
  readonly tag: string;
  readonly summary: string;
  readonly query?: Query;
  readonly body?: Field<Body>;
  readonly file?: JsonSchema;
  readonly takesQueryLogin?: boolean;
  readonly answers?: Readonly<Record<number, string>>;
  readonly isExtension?: boolean;
  readonly contentTypes?: readonly string[];
  readonly handle: (call: Call<Path, Query, Body>) => unknown;
}

/** Binds a handler to its description, so that it gets exactly what is described. */
export function route<Path extends string, Query extends Shape = Record<never, never>, Body = undefined>(
  method: Method,
  options: RouteOptions<Path, Query, Body>,
): Route {
  const { path, access, tag, summary, answers = {}, isExtension = false, body, file } = options;
  const { contentTypes, takesQueryLogin = false } = options;
  const query: Shape = { ...options.query, ...(takesQueryLogin && queryLogin) };
  return {
    method,
    path,
    access,
    tag,
    summary,
    query,
    body,
    file,
    takesQueryLogin,
    answers,
    isExtension,
    contentTypes,
    run: async (call) => {
      const checked = {
        ...call,
        query: readAll(query, call.query),
        body: bodyOf(body, call.bytes),
        get principal() {
          if (call.principal === undefined) throw new Error(`nobody is logged in for ${path}`);
          return call.principal;
        },
      };
      if (!isCheckedBy(options, checked)) throw new Error('a request was not checked');
      return options.handle(checked);
    },
  };
}

function bodyOf(of: Field<unknown> | undefined, bytes: Buffer): unknown {
  return of?.read(parseBody(bytes.toString('utf8')), 'body');
}

/** The router found the parameters by the path, and the rest was read by the fields of the route. */
function isCheckedBy<Path extends string, Query extends Shape, Body>(
  { path, body }: RouteOptions<Path, Query, Body>,
  call: { readonly parameters: unknown; readonly body: unknown },
): call is Call<Path, Query, Body> {
  const { parameters } = call;
  const areThere = parameterNames(path).every((name) => Object.hasOwn(Object(parameters), name));
  return areThere && (body === undefined) === (call.body === undefined);
}

/** The names between braces in a path, in their order. */
export function parameterNames(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}
