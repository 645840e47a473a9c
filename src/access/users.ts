import type { Define } from '../broker/store.ts';
import { DefinitionTable } from '../broker/topology/definition-table.ts';
import type { RowReader } from '../broker/topology/definitions.ts';
import { type HashingAlgorithm, hashingAlgorithms, type PasswordHash } from './passwords/password-hash.ts';

/** What can be limited for a user, all connections together (RabbitMQ page "Per-User Resource Limits"). */
export const userLimitNames = ['max-connections', 'max-channels'] as const;
export type UserLimitName = (typeof userLimitNames)[number];

/** A limit that is absent or negative is none. */
export type UserLimits = Readonly<Partial<Record<UserLimitName, number>>>;

/** A row of the internal user database. Replaced, never changed. */
export interface InternalUser {
  readonly name: string;
  readonly password: PasswordHash;
  /** They give rights in the HTTP API (`impersonator`: to publish under any user id), none on queues. */
  readonly tags: readonly string[];
  readonly limits: UserLimits;
}

/** The internal user database. */
export class Users extends DefinitionTable<InternalUser> {
  constructor(define: Define) {
    super(
      {
        kind: 'user',
        names: ({ name }) => [name],
        value: ({ password, tags, limits }) => ({ ...password, tags: [...tags], limits: { ...limits } }),
        read: (fields) => ({
          name: fields.name(1),
          password: { hash: fields.text('hash'), algorithm: algorithmOf(fields) },
          tags: fields.texts('tags'),
          limits: fields.numbers('limits', userLimitNames),
        }),
      },
      define,
    );
  }
}

function algorithmOf(fields: RowReader): HashingAlgorithm {
  const name = fields.text('algorithm');
  const known = hashingAlgorithms.find((algorithm) => algorithm === name);
  if (known === undefined) throw new Error(`user '${fields.name(1)}': unknown hashing algorithm '${name}'`);
  return known;
}
