/** What a benchmark consists of; `scenarios.ts` has the list. */
import type { TopicBindings } from './bindings.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** Some steps that run one after the other against the same broker, and the figures to take from them. */
export interface Scenario {
  readonly name: string;
  /** What it shows, for people. */
  readonly measures: string;
  readonly steps: readonly Step[];
  /** Persistent messages: the ceiling has to write too. `false`: the ceiling cannot do this scenario. */
  readonly ceiling: 'memory' | 'lmdb' | false;
  /**
   * RabbitMQ comes without the feature: it does this instead, which {@link measures} says. `false`: nothing that could
   * be compared.
   */
  readonly rabbitmq?: StandIn | false;
  /** Measured when no scenario is asked for by name. */
  readonly byDefault?: true;
  /** Repeated no more often than this: it takes long. */
  readonly repetitionsMax?: number;
  /** Needs a process that has done nothing else before: its memory is looked at, or it is restarted. */
  readonly fresh?: true;
  /** Open files that the broker and amqpload need each. */
  readonly openFiles?: number;
  /** The broker serves its Prometheus page; needs `fresh`. */
  readonly metrics?: true;
  /** Leveret's store goes on in a new file after this many MiB rather than after 1 GiB; needs `fresh`. */
  readonly generationMib?: number;
}

/** Other steps, one for each of a scenario's, whose figures they take. */
export interface StandIn {
  /** Is there before the steps. */
  readonly waitingQueue?: WaitingQueue;
  readonly steps: readonly Step[];
}

export type Step = LoadStep | BindStep | RestartStep | DiskUseStep;

/** A run of amqpload. Its figures are amqpload's and those of {@link BrokerFigure}. */
export interface LoadStep {
  readonly kind: 'load';
  /**
   * Options of amqpload, see the head of amqpload.c. `{seconds}` stands for the duration of a run,
   * `{backlog}` for the messages of a backlog, `{size}` for the bytes of one, `{queues:500}` for the number of
   * queues that was asked for, or else 500.
   */
  readonly options: string;
  readonly metrics: readonly Metric[];
  /** How the step is called in a plot over time. */
  readonly label?: string;
  /** What goes on meanwhile. */
  readonly beside?: Beside;
  /** What of the machine may bound it: measured around Leveret's run, and shown beside its figures. */
  readonly bounds?: readonly StepBound[];
}

/** A bound of the machine, see bound.ts. The disk is left alone, before and after, once it has written `mibMax`. */
export type StepBound = { readonly name: 'disk'; readonly mibMax?: number } | { readonly name: 'loopback' };

export type Beside =
  /** Another amqpload with these options; it has to come to its end by itself. Its figures: `beside_` and their names. */
  | { readonly kind: 'load'; readonly options: string }
  /** Every 10 ms a new connection's greeting waits for its answer: `greeting_p99_ms`, `greeting_max_ms`. */
  | { readonly kind: 'greet' }
  /** Now and then the metrics of every object are read: `scrape_p50_ms`, `scrape_max_ms`, `scrape_kib`. */
  | { readonly kind: 'scrape'; readonly everyMs: number };

/** What is known of the broker's process after a load step, beside what amqpload says. */
export type BrokerFigure =
  /** CPU time in the step, in microseconds. */
  | 'broker_cpu_us'
  /** RssAnon in MiB: before the step, when amqpload had its figures, the highest seen, and the growth to the second. */
  | 'rss_before_mib'
  | 'rss_mib'
  | 'rss_peak_mib'
  | 'rss_growth_mib';

/** A topic exchange with many bindings. */
export interface BindStep {
  readonly kind: 'bind';
  readonly topology: TopicBindings;
  readonly metrics: readonly Metric[];
}

/** Ends the broker, starts it again and waits until a consumer of `queue` has a message: `first_message_ms`. */
export interface RestartStep {
  readonly kind: 'restart';
  readonly signal: 'SIGTERM' | 'SIGKILL';
  readonly queue: string;
  readonly metrics: readonly Metric[];
}

/** Disk space of the data directory, `settleSeconds` later: `disk_mib`. */
export interface DiskUseStep {
  readonly kind: 'disk-use';
  readonly settleSeconds: number;
  readonly metrics: readonly Metric[];
}

export interface Metric {
  /** The name of a figure. */
  readonly field: string;
  /** Divide by this figure. */
  readonly per?: string;
  readonly label: string;
  /** Ratios are turned so that above 1 means better. */
  readonly better: 'higher' | 'lower';
  /** Figures are shown divided by this. */
  readonly divisor: number;
  /** Show `count / figure`: a rate from a time. */
  readonly ratePer?: number;
}
