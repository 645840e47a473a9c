/**
 * Where the broker under test comes from: AMQP_URL, else Leveret inside this process.
 *
 * - AMQP_URL: the broker to speak to; CONFORMANCE_BROKER says which it is (rabbitmq, the default, or leveret).
 *   CONFORMANCE_CONSUMER_TIMEOUT tells its consumer_timeout in milliseconds, if that is short enough to wait for.
 * - otherwise Leveret is started on a free port, in memory, once per test file.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe } from 'vitest';
import { type OpenOptions, type RawChannel, RawConnection } from '../raw-client.ts';
import { PERMISSION_FIXTURES } from './fixtures.ts';

export type BrokerName = 'rabbitmq' | 'leveret';

const givenUrl = process.env['AMQP_URL'];
const leveretEntry = new URL('../../src/index.ts', import.meta.url);

export const brokerName: BrokerName =
  givenUrl !== undefined && process.env['CONFORMANCE_BROKER'] !== 'leveret' ? 'rabbitmq' : 'leveret';

/** False when there is neither AMQP_URL nor a Leveret to start: every scenario is then skipped. */
export const brokerAvailable = givenUrl !== undefined || existsSync(fileURLToPath(leveretEntry));

/** Whether the broker was started with the users and virtual hosts of fixtures.ts. */
export const fixturesAvailable = (process.env['CONFORMANCE_FIXTURES'] ?? '1') === '1';

/** The capabilities that well-behaved clients announce. */
export const CLIENT_CAPABILITIES = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  authentication_failure_close: true,
} as const;

export interface PolicySettings {
  readonly name: string;
  readonly pattern: string;
  readonly applyTo: string;
  readonly priority: number;
  readonly definition: Readonly<Record<string, unknown>>;
}

interface PermissionRow {
  readonly vhost: string;
  readonly user: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

type Limits = Readonly<Record<string, number>>;

/** The part of Leveret's administration that the harness uses. */
export interface StartedAdministration {
  readonly users: {
    put(user: { name: string; password: string; tags: readonly string[] }): Promise<unknown>;
    setPassword(name: string, password: string): Promise<unknown>;
    setLimits(name: string, limits: Limits): Promise<unknown>;
    delete(name: string): Promise<unknown>;
  };
  readonly permissions: {
    put(row: PermissionRow): Promise<unknown>;
    delete(vhost: string, user: string): Promise<unknown>;
  };
  readonly topicPermissions: {
    put(row: Omit<PermissionRow, 'configure'> & { exchange: string }): Promise<unknown>;
  };
  readonly vhosts: {
    put(vhost: { name: string }): Promise<unknown>;
    delete(name: string): Promise<unknown>;
  };
  readonly vhostLimits: { set(vhost: string, limits: Limits): Promise<unknown> };
}

/** The part of Leveret's embedding API that the harness uses. */
export interface StartedBroker {
  readonly administration: StartedAdministration;
  readonly port: number;
  readonly managementPort: number | undefined;
  setMemoryWatermark(watermark: { readonly absolute: number } | { readonly relative: number }): void;
  setTracing(vhost: string, isTracing: boolean): void;
  setPolicy(policy: PolicySettings): Promise<void>;
  clearPolicy(name: string): Promise<boolean>;
  setOperatorPolicy(policy: PolicySettings): Promise<void>;
  clearOperatorPolicy(name: string): Promise<boolean>;
  close(): Promise<void>;
}

interface LeveretOptions {
  readonly consumerTimeoutMs?: number;
  readonly managementPort?: number;
  readonly statisticsIntervalMs?: number;
  readonly refusalDelayMs?: number;
  readonly authentication?: {
    readonly backEnds: readonly ('internal' | 'http' | 'oauth2' | 'cache')[];
    readonly http: Readonly<Record<'userPath' | 'vhostPath' | 'resourcePath' | 'topicPath', string>> & {
      readonly method: 'get' | 'post';
    };
    readonly oauth2: {
      readonly resourceServerId: string;
      readonly signingKeys: ReadonlyMap<string, string>;
      readonly defaultKey: string;
    };
    readonly cache: { readonly backEnd: 'http'; readonly ttlMs: number };
  };
}

interface LeveretModule {
  startBroker(options: LeveretOptions & { readonly port: number }): Promise<StartedBroker>;
}

let leveretOptions: LeveretOptions = {};
/** The file under way has scenarios that can be run. */
let isWanted = false;

/** For the Leveret that is started inside this process; called at the top of a test file. */
export function configureLeveret(options: LeveretOptions): void {
  leveretOptions = options;
  isWanted ||= brokerAvailable;
}

async function startLeveret(): Promise<StartedBroker> {
  const leveret: LeveretModule = await import(/* @vite-ignore */ leveretEntry.href);
  const broker = await leveret.startBroker({ port: 0, ...leveretOptions });
  await addFixtures(broker.administration);
  return broker;
}

async function addFixtures({ users, vhosts, permissions }: StartedAdministration): Promise<void> {
  for (const user of PERMISSION_FIXTURES.users) await users.put(user);
  for (const name of PERMISSION_FIXTURES.vhosts) await vhosts.put({ name });
  for (const row of PERMISSION_FIXTURES.permissions) await permissions.put(row);
}

let url = givenUrl ?? '';
let leveret: StartedBroker | undefined;
let nameCount = 0;
let runId = newRunId();
const open = new Set<RawConnection>();
const queues: string[] = [];
const exchanges: string[] = [];

/** The broker's URL, from the first hook of a `scenarios` block on. */
export function brokerUrl(): string {
  return url;
}

/** Leveret in this process, if it is the broker under test. */
export function embeddedBroker(): StartedBroker | undefined {
  return leveret;
}

/** One for each file, so that names stay as short as they are with few scenarios: errors quote them, up to 255 bytes. */
function newRunId(): string {
  return `${process.pid.toString(36)}-${Date.now().toString(36)}`;
}

function uniqueName(label: string): string {
  return `conformance-${label}-${runId}-${++nameCount}`;
}

/** A queue name nobody else uses; the queue is deleted when the file is done. */
export function queueName(label = 'queue'): string {
  const name = uniqueName(label);
  queues.push(name);
  return name;
}

/** An exchange name nobody else uses; the exchange is deleted when the file is done. */
export function exchangeName(label = 'exchange'): string {
  const name = uniqueName(label);
  exchanges.push(name);
  return name;
}

/** Connects TCP only; closed after the scenarios of the file. */
export async function connectTcp(): Promise<RawConnection> {
  const connection = await RawConnection.connect(url);
  open.add(connection);
  return connection;
}

/** A connection past its handshake; closed after the scenarios of the file. */
export async function openConnection(options: OpenOptions = {}): Promise<RawConnection> {
  const connection = await RawConnection.open(url, { capabilities: CLIENT_CAPABILITIES, ...options });
  open.add(connection);
  return connection;
}

/** A channel on a connection of its own. */
export async function openChannel(options: OpenOptions = {}): Promise<RawChannel> {
  return (await openConnection(options)).channel();
}

/**
 * A block of scenarios named after the chapter of the behaviour map they check. `{ concurrent: true }` is for
 * scenarios that mostly wait.
 */
export function scenarios(title: string, body: () => void, { concurrent = false } = {}): void {
  const block = concurrent ? describe.concurrent : describe;
  const run = brokerAvailable ? block : block.skip;
  isWanted ||= brokerAvailable;
  run(title, () => {
    if (!concurrent) afterEach(destroyConnections);
    body();
  });
}

function destroyConnections(): void {
  for (const connection of open) connection.destroy();
  open.clear();
}

async function deleteLeftovers(): Promise<void> {
  const connection = await RawConnection.open(url);
  const channel = await connection.channel();
  for (const queue of queues.splice(0)) channel.send('queue.delete', { queue, 'no-wait': true });
  for (const exchange of exchanges.splice(0)) channel.send('exchange.delete', { exchange, 'no-wait': true });
  await channel.close();
  await connection.close();
}

/** Before a file is read. Of the one before it there is something left when none of its scenarios was chosen. */
export function forgetWishes(): void {
  leveretOptions = {};
  isWanted = false;
}

/** Before the scenarios of a file: starts Leveret, unless there is a broker already or nothing in the file asks for one. */
export async function startWanted(): Promise<void> {
  if (!isWanted || givenUrl !== undefined) return;
  leveret = await startLeveret();
  url = `amqp://guest:guest@127.0.0.1:${leveret.port}`;
}

/** After the scenarios of a file: nothing of them is left for the next one. */
export async function stopStarted(): Promise<void> {
  destroyConnections();
  if (isWanted && givenUrl !== undefined) await deleteLeftovers();
  await leveret?.close();
  leveret = undefined;
  nameCount = 0;
  runId = newRunId();
}
