import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { reasonOf } from './directory/reason-of.ts';
import { freeName } from './directory/set-aside.ts';
import type { DamagedEntry } from './entries/entry-reader.ts';
import type { DamagedStretch } from './journal/journal-reader.ts';
import type { StoreLog } from './store-log.ts';

/**
 * Sets entries that fail their checksum aside: a copy of the bytes goes to `damaged/` in the data directory,
 * a line to the log, and the entry to whoever counts messages. Each entry once.
 */
export class DamageReport {
  readonly #directory: string;
  readonly #log: StoreLog;
  readonly #onDamage: ((damage: DamagedEntry) => void) | undefined;
  readonly #reported = new Set<string>();
  /** Messages that were reported. */
  messages = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(directory: string, log: StoreLog, onDamage: ((damage: DamagedEntry) => void) | undefined) {
    this.#directory = join(directory, 'damaged');
    this.#log = log;
    this.#onDamage = onDamage;
  }

  report(damage: DamagedEntry): void {
    const name = `log-${damage.logId}-sequence-${damage.firstSequence}-count-${damage.count}.bin`;
    if (this.#reported.has(name)) return;
    this.#reported.add(name);
    this.messages += damage.count;
    const path = join(this.#directory, name);
    this.#log.error(
      `${damage.count} messages of log ${damage.logId} from sequence ${damage.firstSequence} on are damaged in ${damage.path}; ` +
        `they are not delivered, their bytes are set aside in ${path}`,
    );
    this.#work = this.#work.then(() => this.#setAside(path, damage.bytes));
    this.#onDamage?.(damage);
  }

  /** Part of the journal cannot be read, so it is not known whose messages were in it: it counts as one. */
  reportStretch({ path, offset, bytes }: DamagedStretch): void {
    const aside = this.#placeFor(`${basename(path)}-offset-${offset}.bin`, bytes);
    this.messages++;
    this.#log.error(
      `${path} is damaged: ${bytes.length} bytes at offset ${offset}, in which there were messages, cannot be read; ` +
        `they are set aside in ${aside}`,
    );
    this.#work = this.#work.then(() => this.#setAside(aside, bytes));
  }

  /** Numbers of journal files come back, and so may names. The same bytes were set aside by an earlier start. */
  #placeFor(name: string, bytes: Buffer): string {
    return freeName(
      join(this.#directory, name),
      (path) => !existsSync(path) || readFileSync(path).equals(bytes),
    );
  }

  /** Nothing in a file can be read; it has another name now. */
  reportFile(path: string, aside: string): void {
    this.messages++;
    this.#log.error(`${path} is damaged: nothing in it can be read; it is set aside as ${aside}`);
  }

  /** A file in which there was something at the last clean stop is empty. How many messages were in it is not known. */
  reportBlank(path: string): void {
    this.messages++;
    this.#log.error(`${path} is empty, but was not when the broker stopped: the messages in it are lost`);
  }

  /** A file with messages in it is missing, and the operator has decided to go on without it. */
  reportSetAside(path: string): void {
    this.messages++;
    this.#log.error(`${path} was set aside: the messages in it are lost`);
  }

  /** Waits until everything reported has been written. */
  async settle(): Promise<void> {
    await this.#work;
  }

  async #setAside(path: string, bytes: Buffer): Promise<void> {
    try {
      await mkdir(this.#directory, { recursive: true });
      await writeFile(path, bytes);
    } catch (error) {
      this.#log.error(`${path} could not be written: ${reasonOf(error)}`);
    }
  }
}
