import type { IntervalHistogram } from 'node:perf_hooks';
import type { LoginCounts, LoginProtocol } from '../access/access-control.ts';
import type { Broker } from '../broker/broker.ts';
import type { ResourceMonitor } from '../resources/resource-monitor.ts';
import type { Listener } from '../server/listener.ts';
import type { GarbageCollections } from './garbage-collections.ts';

/** What there is to be measured. */
export interface MetricsSource {
  readonly broker: Broker;
  readonly listener: Listener;
  readonly resources: ResourceMonitor;
  readonly nodeName: string;
  /** It may be given another one. */
  readonly clusterName: () => string;
  readonly clusterId: () => string;
  readonly loginCounts: Readonly<Record<LoginProtocol, LoginCounts>>;
  /** Undefined: there is no tracing. */
  readonly spanExporter: { readonly exportedCount: number; readonly droppedCount: number } | undefined;
  readonly dataDir: string | undefined;
  /** Nanoseconds. */
  readonly eventLoopDelay: IntervalHistogram;
  readonly garbageCollections: Pick<GarbageCollections, 'count' | 'seconds'>;
}
