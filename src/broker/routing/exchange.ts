import { FieldTable } from '../../protocol/field-table.ts';
import { textArgument } from '../arguments.ts';
import type { Deduplicator } from '../deduplication/deduplicator.ts';
import type { DelayLine } from '../delays/delay-line.ts';
import type { BindingMatcher, ExchangeType } from '../exchanges/exchange-type.ts';
import type { RecentHistory } from '../exchanges/history-log.ts';
import type { SideLogs } from '../log/side-logs.ts';
import { ExchangeStats } from '../message-stats.ts';
import { AppliedPolicies } from '../policies/policy.ts';
import { type Tap, Taps } from '../taps/taps.ts';
import { type Binding, type BoundExchange, type Destination, sameBindingArguments } from './binding.ts';
import type { Interceptor } from './interceptor.ts';
import { RouteCache } from './route-cache.ts';

/** What an exchange is made of. */
export interface ExchangeOptions {
  readonly name: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  readonly autoDelete?: boolean;
  readonly internal?: boolean;
  readonly arguments?: FieldTable;
  /** In place of the type's own: the default exchange finds queues by their names. */
  readonly matcher?: BindingMatcher;
}

/** An exchange and the bindings it is the source of. */
export class Exchange implements BoundExchange {
  readonly kind = 'exchange';
  readonly name: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  /** Goes when the last binding it is the source of goes. */
  readonly autoDelete: boolean;
  /** Takes messages from other exchanges only. */
  readonly internal: boolean;
  readonly arguments: FieldTable;
  readonly matcher: BindingMatcher;
  /** What it does with messages besides, in this order; the first that keeps a message has the last word. */
  interceptors: readonly Interceptor[] = [];
  /** With deduplication: one of the interceptors. */
  deduplicator: Deduplicator | undefined;
  /** With x-recent-history: one of the interceptors. */
  history: RecentHistory | undefined;
  /** What it keeps in logs of its own. */
  sideLogs: SideLogs | undefined;
  /** Messages that wait here for their time, in an exchange whose type delays them. */
  delayed: DelayLine | undefined;
  readonly routes = new RouteCache();
  readonly stats: ExchangeStats = new ExchangeStats();
  /** By {@link bindingAddress}; the bindings in a list differ in their arguments. */
  readonly #bindings = new Map<string, Binding[]>();
  #bindingCount = 0;
  #policies = AppliedPolicies.none;
  #alternateExchange: string | undefined;
  /** As long as somebody watches: the last of the interceptors. */
  #taps: Taps | undefined;

  constructor(options: ExchangeOptions) {
    this.name = options.name;
    this.type = options.type;
    this.durable = options.durable;
    this.autoDelete = options.autoDelete ?? false;
    this.internal = options.internal ?? false;
    this.arguments = options.arguments ?? FieldTable.empty;
    this.#alternateExchange = textArgument(this.arguments, 'alternate-exchange');
    this.matcher = options.matcher ?? this.type.createMatcher(this.arguments);
  }

  /** The one with the empty name, which knows the queues by theirs. */
  get isDefault(): boolean {
    return this.name === '';
  }

  /** Where messages go that no binding wants. */
  get alternateExchange(): string | undefined {
    return this.#alternateExchange;
  }

  get policies(): AppliedPolicies {
    return this.#policies;
  }

  /** From now on. Whoever calls this sees to it that remembered routes are forgotten. */
  applyPolicies(policies: AppliedPolicies): void {
    this.#policies = policies;
    this.deduplicator?.applyPolicy(policies.definition);
    // The default exchange is matched like any other, but knows no alternate exchange.
    if (this.isDefault) return;
    const ofPolicy = policies.definition['alternate-exchange'];
    this.#alternateExchange =
      textArgument(this.arguments, 'alternate-exchange') ??
      (typeof ofPolicy === 'string' ? ofPolicy : undefined);
  }

  /**
   * Shows `tap` each message that goes on to the bindings from now on; the result ends that. Whoever calls either
   * sees to it that remembered routes are forgotten.
   */
  watch(tap: Tap): () => void {
    if (this.#taps === undefined) {
      this.#taps = new Taps();
      this.interceptors = [...this.interceptors, this.#taps];
    }
    this.#taps.add(tap);
    return () => {
      const taps = this.#taps;
      taps?.remove(tap);
      if (!taps?.isEmpty) return;
      this.interceptors = this.interceptors.filter((interceptor) => interceptor !== taps);
      this.#taps = undefined;
    };
  }

  get isWatched(): boolean {
    return this.#taps !== undefined;
  }

  /** The exchange is gone. */
  close(): void {
    this.#taps?.end();
  }

  get bindingCount(): number {
    return this.#bindingCount;
  }

  *bindings(): Iterable<Binding> {
    for (const similar of this.#bindings.values()) yield* similar;
  }

  findBinding(destination: Destination, routingKey: string, all: FieldTable): Binding | undefined {
    return this.similarBindings(destination, routingKey).find((binding) =>
      sameBindingArguments(binding.arguments, all),
    );
  }

  similarBindings(destination: Destination, routingKey: string): readonly Binding[] {
    return this.#bindings.get(bindingAddress(destination, routingKey)) ?? [];
  }

  addBinding(binding: Binding): void {
    const address = bindingAddress(binding.destination, binding.routingKey);
    const similar = this.#bindings.get(address);
    if (similar === undefined) this.#bindings.set(address, [binding]);
    else similar.push(binding);
    this.#bindingCount++;
    this.matcher.add(binding);
  }

  removeBinding(binding: Binding): void {
    const address = bindingAddress(binding.destination, binding.routingKey);
    const similar = this.#bindings.get(address) ?? [];
    const index = similar.indexOf(binding);
    if (index < 0) return;
    if (similar.length === 1) this.#bindings.delete(address);
    else similar.splice(index, 1);
    this.#bindingCount--;
    this.matcher.remove(binding);
  }
}

/** The length keeps a name and a key from running into each other. */
function bindingAddress(destination: Destination, routingKey: string): string {
  return `${destination.kind} ${destination.name.length} ${destination.name} ${routingKey}`;
}
