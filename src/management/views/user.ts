import type { InternalUser } from '../../access/users.ts';
import type { Json } from '../http/columns.ts';

/** A user as lists and definitions have it. */
export function userView({ name, password, tags, limits }: InternalUser): Json {
  return { name, password_hash: password.hash, hashing_algorithm: password.algorithm, tags, limits };
}
