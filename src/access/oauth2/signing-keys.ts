import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { JWTVerifyGetKey } from 'jose';
import { HttpClient } from '../http/http-client.ts';

/** Where the keys are that tokens may be signed with. */
export interface SigningKeyOptions {
  /** Public keys (PEM, also of a certificate) or JSON Web Keys (RFC 7517) by their id. */
  readonly signingKeys?: ReadonlyMap<string, string>;
  /** Which of them a token without a key id is signed with. */
  readonly defaultKey?: string | undefined;
  /** Where the identity provider publishes its keys. Asked when a key id is new, at most every 30 seconds. */
  readonly jwksUrl?: string | undefined;
  /** For the JWKS URL. Default 10000. */
  readonly timeoutMs?: number | undefined;
  /** Of the authorities that sign its server's certificate, PEM. Default: those Node.js knows. */
  readonly ca?: Buffer | undefined;
}

const defaultTimeoutMs = 10_000;
const jwksBytesMax = 1024 * 1024;

/** Finds the key that a token says it is signed with. */
export class SigningKeys {
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #defaultKey: string | undefined;
  readonly #jwksUrl: URL | undefined;
  readonly #timeoutMs: number;
  #remote: Promise<JWTVerifyGetKey> | undefined;
  readonly #client: HttpClient;

  /** @throws Error naming a key that is none */
  constructor(options: SigningKeyOptions) {
    const { signingKeys = new Map(), defaultKey, jwksUrl, timeoutMs = defaultTimeoutMs, ca } = options;
    this.#jwksUrl = jwksUrl === undefined ? undefined : new URL(jwksUrl);
    this.#timeoutMs = timeoutMs;
    this.#keys = new Map([...signingKeys].map(([id, content]) => [id, readKey(id, content)]));
    this.#defaultKey = defaultKey;
    this.#client = new HttpClient({ timeoutMs, answerBytesMax: jwksBytesMax, ca });
  }

  readonly find: JWTVerifyGetKey = async (header, token) => {
    const id = header.kid ?? this.#defaultKey;
    const key = id === undefined ? undefined : this.#keys.get(id);
    if (key !== undefined) return key;
    if (this.#jwksUrl === undefined) throw new Error('the key it is signed with is not known');
    this.#remote ??= this.#remoteKeys(this.#jwksUrl);
    return (await this.#remote)(header, token);
  };

  async #remoteKeys(url: URL): Promise<JWTVerifyGetKey> {
    const { createRemoteJWKSet, customFetch } = await import('jose');
    return createRemoteJWKSet(url, {
      timeoutDuration: this.#timeoutMs,
      [customFetch]: async (asked: string | URL) => {
        const { status, body } = await this.#client.ask(new URL(asked));
        return new Response(body, { status });
      },
    });
  }

  close(): void {
    this.#client.close();
  }
}

function readKey(id: string, content: string): KeyObject {
  try {
    if (!content.trimStart().startsWith('{')) return createPublicKey(content);
    const key: JsonWebKey = JSON.parse(content);
    if (key.kty !== 'oct') return createPublicKey({ key, format: 'jwk' });
    return createSecretKey(Buffer.from(key.k ?? '', 'base64url'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the signing key '${id}' is neither a public key in PEM nor a JSON Web Key: ${reason}`);
  }
}
