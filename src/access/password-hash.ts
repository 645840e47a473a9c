import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * Password hashes in RabbitMQ's format: base64 of a 4-byte salt followed by SHA-256(salt, password).
 * They travel in definition files, so the format is not ours to change
 * (RabbitMQ page "Credentials and Passwords").
 */

const saltBytes = 4;
const digestBytes = 32;

/** Hashes a password with a fresh salt. An empty password gives an empty hash: nobody logs in with it. */
export function hashPassword(password: string): string {
  if (password === '') return '';
  const salt = randomBytes(saltBytes);
  return Buffer.concat([salt, digest(salt, password)]).toString('base64');
}

/**
 * Compares in constant time. An empty password, an empty hash and a hash that is not in the format
 * never match.
 */
export function verifyPassword(password: string, passwordHash: string): boolean {
  const decoded = Buffer.from(passwordHash, 'base64');
  if (password === '' || decoded.length !== saltBytes + digestBytes) return false;
  return timingSafeEqual(decoded.subarray(saltBytes), digest(decoded.subarray(0, saltBytes), password));
}

function digest(salt: Buffer, password: string): Buffer {
  return createHash('sha256').update(salt).update(password, 'utf8').digest();
}
