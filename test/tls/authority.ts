import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Issued {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Wish {
  /** As openssl takes it: `/O=Leveret/CN=ann`. */
  readonly subject: string;
  /** `DNS:localhost,IP:127.0.0.1` */
  readonly names?: string;
  /** Below 0: it has expired. */
  readonly days?: number;
}

/** Certificates made on the spot, in a directory of their own. */
export class CertificateDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'leveret-tls-'));

  file(name: string): string {
    return join(this.path, name);
  }

  authority(name: string): Authority {
    return new Authority(this, name);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Signs certificates, and takes them back. */
export class Authority {
  readonly certFile: string;
  readonly cert: Buffer;
  readonly #directory: CertificateDirectory;
  readonly #name: string;

  /** Without an issuer it is a root. */
  constructor(directory: CertificateDirectory, name: string, issuer?: Authority) {
    this.#directory = directory;
    this.#name = name;
    this.certFile = directory.file(`${name}.pem`);
    const config = [
      '[req]\ndistinguished_name=dn\n[dn]',
      '[ca]\ndefault_ca=ours\n[ours]',
      `database=${this.#file('index')}\nserial=${this.#file('serial')}\nnew_certs_dir=${directory.path}`,
      `certificate=${this.certFile}\nprivate_key=${this.#file('key')}\ndefault_md=sha256\npolicy=any`,
      'default_crl_days=30\nunique_subject=no\ncopy_extensions=copy\n[any]\n',
    ].join('\n');
    writeFileSync(this.#file('cnf'), config);
    writeFileSync(this.#file('index'), '');
    writeFileSync(this.#file('serial'), '1000');
    const key = [...newKey, '-keyout', this.#file('key')];
    const subject = ['-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE'];
    if (issuer === undefined) {
      this.#openssl('req', '-x509', ...key, '-out', this.certFile, '-days', '30', ...subject);
    } else {
      this.#openssl('req', ...key, '-out', this.#file('csr'), ...subject);
      issuer.#sign(this.#file('csr'), this.certFile, 30);
    }
    this.cert = readFileSync(this.certFile);
  }

  /** Files that are there already are overwritten. */
  issue(name: string, { subject, names, days = 30 }: Wish): Issued {
    const certFile = this.#directory.file(`${name}.pem`);
    const keyFile = this.#directory.file(`${name}.key`);
    const request = this.#file('csr');
    const extension = names === undefined ? [] : ['-addext', `subjectAltName=${names}`];
    this.#openssl('req', ...newKey, '-keyout', keyFile, '-out', request, '-subj', subject, ...extension);
    this.#sign(request, certFile, days);
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
  }

  /** Another authority, whose certificate this one has signed. */
  subordinate(name: string): Authority {
    return new Authority(this.#directory, name, this);
  }

  #sign(request: string, certFile: string, days: number): void {
    const end = `${new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '')}`;
    const life = ['-startdate', '20250101000000Z', '-enddate', end];
    const order = ['-preserveDN', '-notext', '-batch'];
    this.#openssl('ca', '-in', request, '-out', certFile, ...life, ...order);
  }

  /** Writes a revocation list of all that was taken back so far, and returns its name. */
  revoke(...issued: readonly Issued[]): string {
    const crlFile = this.#directory.file(`${this.#name}.crl`);
    for (const { certFile } of issued) this.#openssl('ca', '-revoke', certFile);
    this.#openssl('ca', '-gencrl', '-out', crlFile);
    return crlFile;
  }

  #file(suffix: string): string {
    return this.#directory.file(`${this.#name}.${suffix}`);
  }

  #openssl(command: string, ...rest: readonly string[]): void {
    execFileSync('openssl', [command, '-config', this.#file('cnf'), ...rest], { stdio: 'pipe' });
  }
}

const newKey = ['-utf8', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
