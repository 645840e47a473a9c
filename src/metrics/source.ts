import type { IntervalHistogram } from 'node:perf_hooks';
import type { Broker } from '../broker/broker.ts';
import type { ResourceMonitor } from '../resources/resource-monitor.ts';
import type { Listener } from '../server/listener.ts';

/** What there is to be measured. */
export interface MetricsSource {
  readonly broker: Broker;
  readonly listener: Listener;
  readonly resources: ResourceMonitor;
  readonly nodeName: string;
  readonly clusterName: () => string;
  readonly dataDir: string | undefined;
  /** Nanoseconds. */
  readonly eventLoopDelay: IntervalHistogram;
}
