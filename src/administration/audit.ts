import { AsyncLocalStorage } from 'node:async_hooks';
import type { BrokerEvent, EventHub } from '../broker/events/event-hub.ts';
import { type Logger, ofCategory } from '../logger.ts';
import type { FieldValue } from '../protocol/field-table.ts';
import { textOf } from '../protocol/field-value.ts';
import { actingUser } from './acting-user.ts';

/** Changes of one request that are named; of the others only their number. */
const changesMax = 100;

/** What operators change, as events tell of it. */
const administrative =
  /^(user\.(?!authentication)|permission\.|topic\.permission\.|vhost\.|parameter\.|policy\.|operator\.)/;

/** Details of events that may hold anything, passwords included, or that the line says anyway. */
const leftOut: ReadonlySet<string> = new Set([
  'value',
  'definition',
  'timestamp_in_ms',
  'user_who_performed_action',
]);

/** One request of an operator, and what came of it. */
export interface AuditTrail {
  /** Who; undefined: nobody that is known. */
  user: string | undefined;
  /** Address, or `local socket`. */
  readonly from: string;
  /** `PUT /api/users/bob`: never its body. */
  readonly request: string;
  /** What it changed, as events tell of it: {@link changesMax} of them. */
  readonly changes: string[];
  changeCount: number;
}

/**
 * Writes a line of the category `audit` for each thing an operator does: who, from where, what, and with which
 * result. Requests are told of when they are answered, refused ones too; changes that a program makes in its own
 * broker at once.
 */
export class Audit {
  readonly #log: Logger;
  readonly #trails = new AsyncLocalStorage<AuditTrail>();

  constructor(log: Logger) {
    this.#log = ofCategory(log, 'audit');
  }

  /** From now on changes are told of: what the broker sets up at its start is not an operator's doing. */
  listen(hub: EventHub): void {
    hub.listen((event) => this.#happened(event));
  }

  /** A request comes in. */
  begin(from: string | undefined, request: string): AuditTrail {
    return { user: undefined, from: from ?? 'local socket', request, changes: [], changeCount: 0 };
  }

  /** Carries a request out; what changes meanwhile belongs to it. */
  follow<Result>(trail: AuditTrail, run: () => Result): Result {
    return this.#trails.run(trail, run);
  }

  /** A request is answered, with this HTTP status. `isRoutine`: it changes nothing that operators care for. */
  end({ user, from, request, changes, changeCount }: AuditTrail, status: number, isRoutine: boolean): void {
    const result = status < 400 ? 'done' : 'refused';
    const fields = {
      user,
      from,
      request,
      status,
      result,
      ...(changeCount > 0 && { changes }),
      ...(changeCount > changes.length && { furtherChanges: changeCount - changes.length }),
    };
    const message = `${user ?? 'somebody'} from ${from}: ${request}: ${result} (${status})`;
    if (isRoutine) this.#log.debug(fields, message);
    else if (result === 'done') this.#log.info(fields, message);
    else this.#log.warn(fields, message);
  }

  /** Something has been done: a part of the request that led to it, or of a program's own doing. */
  done(what: string): void {
    const trail = this.#trails.getStore();
    if (trail !== undefined) {
      trail.changeCount++;
      if (trail.changes.length < changesMax) trail.changes.push(what);
      return;
    }
    const user = actingUser();
    this.#log.info({ user, from: 'this process', changes: [what], result: 'done' }, `${user}: ${what}: done`);
  }

  #happened(event: BrokerEvent): void {
    if (administrative.test(event.type)) this.done(describe(event));
  }
}

/** `permission.created configure=.* vhost=/ user=bob` */
function describe({ type, details }: BrokerEvent): string {
  const pairs = details.entries.flatMap(([key, value]) => {
    const text = leftOut.has(key) ? undefined : plainText(value);
    return text === undefined ? [] : [`${key}=${text}`];
  });
  return [type, ...pairs].join(' ').replace(/\p{Cc}/gu, '?');
}

/** Texts, numbers and lists of them. */
function plainText(value: FieldValue): string | undefined {
  switch (value.tag) {
    case 'S':
      return textOf(value);
    case 'l':
    case 't':
      return String(value.value);
    case 'A':
      return value.value.map(plainText).join(',');
    default:
      return undefined;
  }
}
