import { AdministrationError } from '../administration/administration-error.ts';
import { isReserved } from '../broker/names.ts';
import { PolicyError, type PolicyKind } from '../broker/policies/policy.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import { AmqpError } from '../protocol/errors.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { longString } from '../protocol/field-value.ts';
import { Slices } from '../slices.ts';
import { AllPowerfulActor } from './all-powerful-actor.ts';
import { DefinitionError } from './definition-error.ts';
import { type DefinitionDocument, type PolicyRow, readDocument } from './document.ts';
import type { DefinitionsSource } from './export.ts';

/** A commit is put together in one go, so none may be much larger. */
const definitionsPerCommit = 1000;

/** An entry of a definition file, and what is to be said about it. */
export interface Remark {
  /** `queue`, `policy`, `parameter`, ... */
  readonly kind: string;
  readonly vhost?: string;
  readonly name: string;
  readonly reason: string;
}

/** What became of a definition file. */
export interface ImportReport {
  /** Names of the users in the file. */
  readonly users: ReadonlySet<string>;
  /** Entries that were taken, or were there already. */
  readonly imported: number;
  /** What was left out, having no equivalent here or contradicting what is there. */
  readonly skipped: readonly Remark[];
  /** What was taken, but does not do here all that it says. */
  readonly withoutEffect: readonly Remark[];
}

/**
 * Adds what a definition file says to what is there (RabbitMQ page "Definitions"). Users, permissions, policies
 * and parameters are replaced; queues, exchanges and bindings that exist stay as they are; nothing is deleted.
 * What cannot be taken is left out and reported. On disk when the promise resolves.
 *
 * Neither reading nor carrying out a large file keeps the event loop.
 *
 * `into`: everything is for this virtual host, which exists.
 *
 * @throws DefinitionError when the file makes no sense as a whole; then nothing has been done
 */
export async function importDefinitions(
  target: DefinitionsSource,
  file: Uint8Array,
  into?: string,
): Promise<ImportReport> {
  const document = await readDocument(file, into);
  checkVhosts(target, document);
  const importer = new Importer(target);
  await importer.run(document);
  for (const vhost of document.vhostsUsed) await target.broker.vhost(vhost)?.policies.applied;
  await target.broker.committer.flush();
  return importer;
}

/** @throws DefinitionError for something in a virtual host that neither exists nor is in the file */
function checkVhosts({ broker }: DefinitionsSource, document: DefinitionDocument): void {
  const known = new Set([...broker.vhosts.keys(), ...document.vhosts.map(({ name }) => name)]);
  for (const vhost of document.vhostsUsed) {
    if (known.has(vhost)) continue;
    throw new DefinitionError(`Please create virtual host "${vhost}" prior to importing definitions.`);
  }
}

/** What the report calls an entry by. */
type NamedEntry = { readonly vhost?: string } & (
  | { readonly name: string }
  | { readonly user: string }
  | { readonly source: string; readonly destination: string }
);

class Importer implements ImportReport {
  imported = 0;
  readonly users = new Set<string>();
  readonly skipped: Remark[] = [];
  readonly withoutEffect: Remark[] = [];
  readonly #target: DefinitionsSource;
  readonly #actor = new AllPowerfulActor();
  readonly #slices = new Slices(1);

  constructor(target: DefinitionsSource) {
    this.#target = target;
  }

  /** In RabbitMQ's order: what is referred to comes first. */
  async run(document: DefinitionDocument): Promise<void> {
    for (const { name } of document.users) this.users.add(name);
    const { users, vhosts, permissions, topicPermissions, parameters } = this.#target.administration;
    await this.#each('user', document.users, ({ passwordHash, hashingAlgorithm, ...user }) =>
      users.put({
        ...user,
        ...(passwordHash !== undefined && { passwordHash }),
        ...(hashingAlgorithm !== undefined && { hashingAlgorithm }),
      }),
    );
    await this.#each('vhost', document.vhosts, ({ description, defaultQueueType, ...vhost }) =>
      vhosts.put({
        ...vhost,
        ...(description !== undefined && { description }),
        ...(defaultQueueType !== undefined && { defaultQueueType }),
      }),
    );
    await this.#each('permission', document.permissions, (row) => permissions.put(row));
    await this.#each('exchange', document.exchanges, (row) => this.#declareExchange(row));
    await this.#each('topic_permission', document.topicPermissions, (row) => topicPermissions.put(row));
    await this.#each('global_parameter', document.globalParameters, (row) => parameters.putGlobal(row));
    await this.#each('policy', document.policies, (row) => this.#setPolicy('policy', row));
    await this.#each('operator_policy', document.operatorPolicies, (row) =>
      this.#setPolicy('operator_policy', row),
    );
    await this.#each('parameter', document.parameters, (row) => parameters.put(row));
    await this.#each('queue', document.queues, (row) => this.#declareQueue(row));
    await this.#each('binding', document.bindings, (row) => this.#vhost(row.vhost).bind(this.#actor, row));
  }

  async #each<Entry extends NamedEntry>(
    kind: string,
    entries: readonly Entry[],
    take: (entry: Entry) => unknown,
  ): Promise<void> {
    for (const entry of entries) {
      try {
        await take(entry);
        this.imported++;
      } catch (error) {
        const { vhost } = entry;
        const reason = refusal(error);
        if (reason === undefined) throw error;
        this.skipped.push({ kind, ...(vhost !== undefined && { vhost }), name: nameOf(entry), reason });
      }
      const pause = this.#slices.next();
      if (pause !== undefined) await pause;
      const { committer } = this.#target.broker;
      if (committer.notedDefinitions > definitionsPerCommit) await committer.flush();
    }
  }

  #setPolicy(kind: PolicyKind, { vhost, ...request }: PolicyRow): void {
    this.#vhost(vhost).policies.set(kind, request);
    const { name, definition } = request;
    const keys = Object.keys(Object(definition)).filter((key) => key.startsWith('federation-'));
    for (const key of keys) {
      const reason = `${key} does nothing: there is no federation here`;
      this.withoutEffect.push({ kind, vhost, name, reason });
    }
  }

  /** What is called `amq.` is the broker's own. */
  #declareExchange(row: DefinitionDocument['exchanges'][number]): void {
    const vhost = this.#vhost(row.vhost);
    if (row.name === '' || isReserved(row.name) || vhost.findExchange(row.name) !== undefined) return;
    vhost.declareExchange(this.#actor, { ...row, passive: false });
  }

  #declareQueue(row: DefinitionDocument['queues'][number]): void {
    const vhost = this.#vhost(row.vhost);
    if (isReserved(row.name) || vhost.findQueue(row.name) !== undefined) return;
    const { type, ...queue } = row;
    vhost.declareQueue(this.#actor, {
      ...queue,
      arguments: withType(queue.arguments, type, vhost.metadata.defaultQueueType),
      passive: false,
      exclusive: false,
    });
  }

  #vhost(name: string): VirtualHost {
    const vhost = this.#target.broker.vhost(name);
    if (vhost === undefined) throw new AdministrationError('not-found', `vhost '${name}' is gone`);
    return vhost;
  }
}

/** RabbitMQ 4 says the type beside the arguments, too. It counts where another would be the default. */
function withType(
  all: FieldTable,
  type: string | undefined,
  defaultType: string | undefined = 'classic',
): FieldTable {
  const isDefault = type === undefined || type === defaultType;
  return isDefault || all.has('x-queue-type') ? all : all.with('x-queue-type', longString(type));
}

/** What somebody has against an entry; undefined: the error is ours. */
function refusal(error: unknown): string | undefined {
  const isRefusal =
    error instanceof AmqpError || error instanceof AdministrationError || error instanceof PolicyError;
  return isRefusal ? error.message.replaceAll('\n', ' ').trim() : undefined;
}

function nameOf(entry: NamedEntry): string {
  if ('name' in entry) return entry.name;
  return 'user' in entry ? entry.user : `${entry.source} -> ${entry.destination}`;
}
