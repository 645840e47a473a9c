import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/**
 * Hashes of passwords, as they travel in definition files: base64 of a salt and a digest (RabbitMQ page
 * "Credentials and Passwords"). RabbitMQ's own are one round of a fast hash over a 4-byte salt and the password;
 * new passwords are hashed with scrypt (RFC 7914), whose salt and costs stand before the key.
 */

const fastDigests = {
  rabbit_password_hashing_sha256: { digest: 'sha256', bytes: 32 },
  rabbit_password_hashing_sha512: { digest: 'sha512', bytes: 64 },
  rabbit_password_hashing_md5: { digest: 'md5', bytes: 16 },
} as const;

type FastAlgorithm = keyof typeof fastDigests;

/** The names RabbitMQ's definition files have for them, and ours. */
export type HashingAlgorithm = FastAlgorithm | 'leveret_password_hashing_scrypt';

/** All of them; the first is that of new passwords, if nothing is said. */
export const hashingAlgorithms: readonly HashingAlgorithm[] = [
  'leveret_password_hashing_scrypt',
  'rabbit_password_hashing_sha256',
  'rabbit_password_hashing_sha512',
  'rabbit_password_hashing_md5',
];

/** What is kept of a password. */
export interface PasswordHash {
  /** Base64; empty: nobody can log in with a password. */
  readonly hash: string;
  readonly algorithm: HashingAlgorithm;
}

/** The hash of no password at all. */
export const noPassword: PasswordHash = { hash: '', algorithm: 'rabbit_password_hashing_sha256' };

const saltBytes = 4;

/** RFC 7914's names: a power of two, block size, lanes. 16 MiB and some 40 ms of a core. */
const scryptCost = { log2N: 14, r: 8, p: 1 };
/** The three costs, a byte each, the salt, the key. */
const scryptHeaderBytes = 3;
const scryptSaltBytes = 16;
const scryptKeyBytes = 32;
const scryptHashBytes = scryptHeaderBytes + scryptSaltBytes + scryptKeyBytes;
/** A hash from elsewhere may not ask for more than this. */
const scryptMemoryMax = 256 * 1024 * 1024;

/** Hashes a password with a fresh salt, off the event loop. An empty one gives {@link noPassword}. */
export async function hashPassword(
  password: string,
  algorithm: HashingAlgorithm = 'leveret_password_hashing_scrypt',
): Promise<PasswordHash> {
  if (password === '') return noPassword;
  if (algorithm !== 'leveret_password_hashing_scrypt') return hashFast(password, algorithm);
  const { log2N, r, p } = scryptCost;
  const head = Buffer.concat([Buffer.from([log2N, r, p]), randomBytes(scryptSaltBytes)]);
  const hash = Buffer.concat([head, await scryptKey(password, head)]).toString('base64');
  return { hash, algorithm };
}

/** One of RabbitMQ's hashes, with a fresh salt; quick enough for any thread. */
export function hashFast(
  password: string,
  algorithm: FastAlgorithm = 'rabbit_password_hashing_sha256',
): PasswordHash {
  if (password === '') return noPassword;
  const salt = randomBytes(saltBytes);
  return { hash: Buffer.concat([salt, digest(algorithm, salt, password)]).toString('base64'), algorithm };
}

/**
 * Whether this is the password, compared in constant time. An empty password, an empty hash and a hash that is
 * not in its format never match.
 */
export async function verifyPassword(password: string, { hash, algorithm }: PasswordHash): Promise<boolean> {
  if (password === '' || hash === '') return false;
  const bytes = Buffer.from(hash, 'base64');
  if (bytes.length !== hashBytes(algorithm)) return false;
  if (algorithm === 'leveret_password_hashing_scrypt') {
    const head = bytes.subarray(0, scryptHeaderBytes + scryptSaltBytes);
    return timingSafeEqual(bytes.subarray(head.length), await scryptKey(password, head));
  }
  const salt = bytes.subarray(0, saltBytes);
  return timingSafeEqual(bytes.subarray(saltBytes), digest(algorithm, salt, password));
}

/** Whether checking a password against such a hash takes as long as against the hash of a new password. */
export function isSlow({ hash, algorithm }: PasswordHash): boolean {
  return hash !== '' && algorithm === 'leveret_password_hashing_scrypt';
}

/**
 * A hash that somebody brings along. Without an algorithm its length tells: definition files of old versions
 * of RabbitMQ name none.
 *
 * @returns what is wrong with it, as a sentence
 */
export function importedHash(hash: string, algorithm: string | undefined): PasswordHash | string {
  const known = hashingAlgorithms.find((name) => name === algorithm);
  if (algorithm !== undefined && known === undefined) {
    return `unknown hashing_algorithm '${algorithm}': it is one of ${hashingAlgorithms.join(', ')}`;
  }
  if (hash === '') return noPassword;
  const bytes = Buffer.from(hash, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== hash.replace(/=+$/, '')) {
    return 'password_hash is not valid base64';
  }
  const found = known ?? hashingAlgorithms.find((name) => hashBytes(name) === bytes.length);
  if (found === undefined) return `a password_hash of ${bytes.length} bytes needs a hashing_algorithm`;
  if (hashBytes(found) !== bytes.length) {
    return `password_hash has ${bytes.length} bytes, but ${found} makes ${hashBytes(found)}: salt and digest in base64`;
  }
  if (found === 'leveret_password_hashing_scrypt' && scryptMemory(bytes) > scryptMemoryMax) {
    return `password_hash asks for more than ${scryptMemoryMax} bytes of memory at each login`;
  }
  return { hash, algorithm: found };
}

function hashBytes(algorithm: HashingAlgorithm): number {
  if (algorithm === 'leveret_password_hashing_scrypt') return scryptHashBytes;
  return saltBytes + fastDigests[algorithm].bytes;
}

function digest(algorithm: FastAlgorithm, salt: Buffer, password: string): Buffer {
  return createHash(fastDigests[algorithm].digest).update(salt).update(password, 'utf8').digest();
}

function scryptMemory(head: Buffer): number {
  const [log2N = 0, r = 0, p = 0] = head;
  return 128 * r * (2 ** log2N + p);
}

function scryptKey(password: string, head: Buffer): Promise<Buffer> {
  const [log2N = 0, blockSize = 0, parallelization = 0] = head;
  const cost = { cost: 2 ** log2N, blockSize, parallelization, maxmem: 2 * scryptMemory(head) };
  return new Promise((resolve, reject) => {
    scrypt(password, head.subarray(scryptHeaderBytes), scryptKeyBytes, cost, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
